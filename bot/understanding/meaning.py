"""What an action hears: the entities of the latest message, checked.

Entities come from the interpreter, but also from payloads that anybody can type, so nothing is
taken for what it should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from retrieval.search.query import Query
from retrieval.store.filters import DATE, FOLDER, TAG
from retrieval.store.words import content_words

_LONGEST_TEXT = 500
_LONGEST_ID = 64
_MOST_POSITIONS = 24
FILTER_KEYS = (DATE, FOLDER, TAG)
ANY = "any"
"""The value of a filter entity that lifts the filters of its key."""
_EVERYTHING = frozenset({"everything", "anything", "all", "alles"})


@dataclass(frozen=True)
class Heard:
    """The usable part of a message.

    Attributes:
        query: What the picture is to show.
        excluded: What it is not to show.
        allowed: What it may show again.
        positions: Which of the pictures shown last: 1 the first, -1 the last, 0 the middle one.
        image: Id of a picture.
        rating: A thumb.
        filters: Conditions on date, folder and tags; a value of None lifts those of its key.
    """

    query: str | None = None
    excluded: str | None = None
    allowed: str | None = None
    positions: tuple[int, ...] = ()
    image: str | None = None
    rating: Literal["up", "down"] | None = None
    filters: tuple[tuple[str, str | None], ...] = ()

    @classmethod
    def of(cls, message: dict[str, Any]) -> Self:
        """Read Rasa's latest_message."""
        entities: dict[str, Any] = {}
        positions: list[int] = []
        filters: list[tuple[str, str | None]] = []
        for entity in message.get("entities") or []:
            name, value = entity.get("entity"), entity.get("value")
            entities.setdefault(name, value)
            if name == "position":
                numbers = map(_position, value if isinstance(value, list) else [value])
                positions += [number for number in numbers if number is not None]
            text = _text(value)
            if name in FILTER_KEYS and text:
                filters.append((name, None if text == ANY else text))
        rating = entities.get("rating")
        image = entities.get("image")
        return cls(
            query=_text(entities.get("query")),
            excluded=_text(entities.get("excluded")),
            allowed=_text(entities.get("allowed")),
            positions=tuple(dict.fromkeys(positions))[:_MOST_POSITIONS],
            image=image if isinstance(image, str) and 0 < len(image) <= _LONGEST_ID else None,
            rating=rating if rating in ("up", "down") else None,
            filters=tuple(filters),
        )

    def choose(self, image_ids: Sequence[str]) -> tuple[str, ...]:
        """Return those at the positions, or nothing if a position is beyond them."""
        chosen: list[str] = []
        for position in self.positions:
            if position == 0:
                index = (len(image_ids) - 1) // 2
            else:
                index = position - 1 if position > 0 else len(image_ids) + position
            if not 0 <= index < len(image_ids):
                return ()
            if image_ids[index] not in chosen:
                chosen.append(image_ids[index])
        return tuple(chosen)

    def narrow(self, query: Query) -> Query:
        """Return the query with the filters that were named; one of a key replaces the other.

        Raises:
            RetrievalError: A value cannot be used, such as a date that is none.
        """
        for key, _ in self.filters:
            query = query.unfilter(key)
        for key, value in self.filters:
            if value is not None:
                query = query.filter(key, value)
        return query

    def lifted(self, excluded: Sequence[str]) -> tuple[str, ...]:
        """Return the exclusions that are allowed again: those that share a word, or all of them.

        "everything is fine again" has no word for a thing, and lifts all.
        """
        words = {_stem(word) for word in content_words(self.allowed or "")} - _EVERYTHING
        if not words:
            return tuple(excluded)
        return tuple(
            phrase for phrase in excluded if words & {_stem(word) for word in content_words(phrase)}
        )

    def still_excluded(self, excluded: Sequence[str]) -> tuple[str, ...]:
        """Return the exclusions that the query does not lift by asking for the very thing."""
        wanted = {_stem(word) for word in content_words(self.query or "")}
        return tuple(
            phrase
            for phrase in excluded
            if not wanted.issuperset(_stem(word) for word in content_words(phrase))
        )


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    return " ".join(value.split())[:_LONGEST_TEXT].rstrip() or None


def _position(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    try:
        return int(value)
    except ValueError:
        return None


def _stem(word: str) -> str:
    """Singular and plural alike, nearly."""
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
