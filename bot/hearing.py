"""What an action hears: the entities of the latest message, checked.

Entities come from the interpreter, but also from payloads that anybody can type, so nothing is
taken for what it should be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from retrieval.words import content_words

_LONGEST_TEXT = 500
_LONGEST_ID = 64


@dataclass(frozen=True)
class Heard:
    """The usable part of a message.

    Attributes:
        query: What the picture is to show.
        excluded: What it is not to show.
        position: Which of the pictures shown last: 1 the first, -1 the last, 0 the middle one.
        image: Id of a picture.
        rating: A thumb.
    """

    query: str | None = None
    excluded: str | None = None
    position: int | None = None
    image: str | None = None
    rating: Literal["up", "down"] | None = None

    @classmethod
    def of(cls, message: dict[str, Any]) -> Self:
        """Read Rasa's latest_message."""
        entities: dict[str, Any] = {}
        for entity in message.get("entities") or []:
            entities.setdefault(entity.get("entity"), entity.get("value"))
        rating = entities.get("rating")
        image = entities.get("image")
        return cls(
            query=_text(entities.get("query")),
            excluded=_text(entities.get("excluded")),
            position=_position(entities.get("position")),
            image=image if isinstance(image, str) and 0 < len(image) <= _LONGEST_ID else None,
            rating=rating if rating in ("up", "down") else None,
        )

    def choose(self, image_ids: Sequence[str]) -> str | None:
        """Return the one at the position, or None if the position is beyond them."""
        if self.position is None or not image_ids:
            return None
        if self.position == 0:
            return image_ids[(len(image_ids) - 1) // 2]
        index = self.position - 1 if self.position > 0 else len(image_ids) + self.position
        return image_ids[index] if 0 <= index < len(image_ids) else None

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
