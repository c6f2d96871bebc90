"""The usable parts of a reading, by what they are; payloads can hold anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

from bot.understanding import operations as op
from bot.understanding.operations import Operation
from bot.understanding.reading import Reading, Span, plain_text
from retrieval.store.filters import DATE, FOLDER, TAG

__all__ = ["ANY", "FILTER_KEYS", "LONGEST_TEXT", "Excluded", "Parts", "Wish"]

FILTER_KEYS = (DATE, FOLDER, TAG)
ANY = "any"
"""The value of a filter entity that lifts the filters of its key."""
LONGEST_TEXT = 500

_LONGEST_ID = 64
_MOST_POSITIONS = 24


@dataclass(frozen=True)
class Wish:
    """A text that is wanted.

    Attributes:
        text: what.
        start: where it stands in the message.
        role: "replace" where it takes the place of something, "exchange" where it does if one of
            its kind is there; "missing" where it is, but is not seen.
    """

    text: str
    start: int = 0
    role: str = ""


@dataclass(frozen=True)
class Excluded:
    """A text that is not wanted; `swapped` for another one."""

    text: str
    start: int = 0
    swapped: bool = False


@dataclass(frozen=True)
class Parts:
    """What a message holds.

    Attributes:
        intent: of the message.
        text: of the message.
        upload: key of a picture that came with it.
        wishes: what is wanted, in the order of the text.
        excluded: what is not.
        allowed: what may be seen again.
        pictures: positions and the id of pictures that are meant.
        unliked: positions of those that are not.
        rating: a thumb.
        drops_upload: whether the upload is to be taken out of the search.
        filters: conditions.
        going_on: what is joined to what was said a turn ago: "or dogs".
        welcome: what may be there, or not.
        denied: what the pictures are said not to show.
        dropped: what is to be taken out of the search, as it was said.
        recalled: what an earlier search was about.
        steps: how many changes to go back.
        answer: to a question of the turn before: "all", "none", the number of an option.
        subject: what is talked about beside pictures.
        language: of the message, where it is not the one that is spoken here.
        also: intents of what else was said, and whether it was said before the rest.
    """

    intent: str
    text: str = ""
    upload: str | None = None
    wishes: tuple[Wish, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    allowed: str = ""
    pictures: tuple[tuple[int, ...], str | None] = ((), None)
    unliked: tuple[int, ...] = ()
    rating: Literal["up", "down"] | None = None
    drops_upload: bool = False
    filters: tuple[op.Filter, ...] = ()
    going_on: str = ""
    welcome: str = ""
    denied: Wish | None = None
    dropped: str = ""
    recalled: str = ""
    steps: int = 1
    answer: str | int | None = None
    subject: str = ""
    language: str = ""
    also: tuple[tuple[str, bool], ...] = ()

    @classmethod
    def of(cls, reading: Reading, upload: str | None = None) -> Self:
        """Return the parts of a reading, those beside that can be nothing."""
        spans: dict[str, list[Span]] = {}
        texts: dict[str, list[str]] = {}
        for span in reading.spans:
            spans.setdefault(span.name, []).append(span)
            if isinstance(span.value, str) and (text := _clean(span.value)):
                texts.setdefault(span.name, []).append(text)

        def first(name: str) -> str:
            return next(iter(texts.get(name, ())), "")

        rating = first("rating")
        image = first("image")
        main = min((one.start for one in reading.spans if one.name != "also"), default=0)
        return cls(
            intent=reading.intent,
            text=reading.text,
            upload=upload,
            wishes=tuple(_wishes(spans)),
            excluded=tuple(_excluded(spans)),
            allowed=first("allowed"),
            pictures=(
                _positions(spans, unliked=False),
                image if image and len(image) <= _LONGEST_ID else None,
            ),
            unliked=_positions(spans, unliked=True),
            rating="up" if rating == "up" else "down" if rating == "down" else None,
            drops_upload="upload" in texts,
            filters=tuple(
                op.Filter(key, None if value == ANY else value)
                for key, values in texts.items()
                if key in FILTER_KEYS
                for value in values
            ),
            going_on=first("going_on"),
            welcome=first("welcome"),
            denied=next(iter(_wishes(spans, "denied")), None),
            dropped=first("dropped"),
            recalled=first("recalled"),
            steps=next((max(_whole(span.value), 1) for span in spans.get("steps", ())), 1),
            answer=next((span.value for span in spans.get("answer", ())), None),
            subject=first("subject"),
            language=first("language"),
            also=tuple(
                (one.value, one.start < main)
                for one in spans.get("also", ())
                if isinstance(one.value, str)
            ),
        )

    @property
    def question(self) -> str:
        """What is asked about a picture; a payload asks nothing in particular."""
        return "" if self.text.startswith("/") else self.text

    @property
    def query(self) -> str:
        """The first text that is wanted, "" if none is."""
        return self.wishes[0].text if self.wishes else ""

    @property
    def beside(self) -> tuple[Operation, ...]:
        """What a wish may carry with it: "dogs, but no people, from 2023"."""
        return (*(op.Exclude(one.text) for one in self.excluded), *self.filters)


def _wishes(spans: Mapping[str, list[Span]], name: str = "query") -> list[Wish]:
    """Return what is wanted; of a payload the first alone, as a text has one in each place."""
    found: dict[int, Wish] = {}
    for span in spans.get(name, ()):
        if isinstance(span.value, str) and (text := _clean(span.value)):
            found.setdefault(span.start, Wish(text, span.start, span.role))
    return list(found.values())


def _excluded(spans: Mapping[str, list[Span]]) -> list[Excluded]:
    found: dict[str, Excluded] = {}
    for span in spans.get("excluded", ()):
        if isinstance(span.value, str) and (text := _clean(span.value)):
            found.setdefault(text, Excluded(text, span.start, span.role == "replace"))
    return list(found.values())


def _positions(spans: Mapping[str, list[Span]], *, unliked: bool) -> tuple[int, ...]:
    values = [one.value for one in spans.get("position", ()) if (one.role == "unlike") == unliked]
    numbers = dict.fromkeys(number for value in values for number in _numbers(value))
    return tuple(numbers)[:_MOST_POSITIONS]


def _clean(value: str) -> str:
    return " ".join(plain_text(value).split())[:LONGEST_TEXT].rstrip()


def _numbers(value: str | int) -> tuple[int, ...]:
    """Return the whole number that a value is, or nothing."""
    try:
        return (int(value),)
    except ValueError:
        return ()


def _whole(value: str | int) -> int:
    return next(iter(_numbers(value)), 1)
