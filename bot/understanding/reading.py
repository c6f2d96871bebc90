"""What the words of one message say, before the session has been asked: intents and spans.

`Parts` are the usable ones of a reading, by what they are; payloads can hold anything.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self

from bot.understanding import operations as op
from bot.understanding.operations import Operation
from retrieval.store.filters import DATE, FOLDER, TAG
from retrieval.store.words import valid_text

__all__ = [
    "ALL",
    "ANY",
    "EXCLUDE",
    "FILTER_KEYS",
    "LONGEST_TEXT",
    "NONE",
    "OTHER_LANGUAGE",
    "REFINE",
    "SEARCH",
    "Excluded",
    "Parts",
    "Reading",
    "Span",
    "Wish",
    "usable_spans",
]

SEARCH, REFINE, EXCLUDE = "search_images", "refine_search", "exclude_from_search"
OTHER_LANGUAGE = "other_language"
"""The intent of a message in a language that is not understood."""
ALL, NONE = "all", "none"
"""Answers to "a or b?": values of the entity `answer`."""
_MOST_ITEMS = 24
FILTER_KEYS = (DATE, FOLDER, TAG)
ANY = "any"
"""The value of a filter entity that lifts the filters of its key."""
LONGEST_TEXT = 500

_LONGEST_ID = 64
_MOST_POSITIONS = 24


@dataclass(frozen=True)
class Span:
    """A part of a text and what it stands for.

    Attributes:
        name: the entity, as the Rasa project names it.
        value: what the part says: its words, a position, the id of a picture.
        start: where it begins in the text.
        end: where it ends, exclusive.
        found_by: what found it.
        role: what it is for, where that is not what its name says: a query that takes the place
            of another ("replace", "exchange"), a position that is not wanted ("unlike").
    """

    name: str
    value: str | int
    start: int = 0
    end: int = 0
    found_by: str = "ShowtellTagger"
    role: str = ""


@dataclass(frozen=True)
class Reading:
    """What the words of a message say.

    Attributes:
        text: the message.
        ranking: intents with their probabilities, likeliest first, at least one.
        spans: in the order of the text.
    """

    text: str
    ranking: tuple[tuple[str, float], ...]
    spans: tuple[Span, ...] = ()

    @property
    def intent(self) -> str:
        """The likeliest intent."""
        return self.ranking[0][0]

    @property
    def confidence(self) -> float:
        """How likely it is."""
        return self.ranking[0][1]

    def settled(self, intent: str) -> Reading:
        """Return the reading with an intent in the place of the likeliest, whose share it takes.

        What decides between two intents knows more than their probabilities do: "a red one" is
        as surely a refinement as it was a search or a refinement before.
        """
        if intent == self.intent:
            return self
        shares = dict(self.ranking)
        total = shares.pop(self.intent) + shares.pop(intent, 0.0)
        others = ((name, share) for name, share in self.ranking[1:] if name != intent)
        return replace(self, ranking=((intent, total), (self.intent, 0.0), *others))

    def share(self, intent: str) -> float:
        """Return the probability of an intent, 0 for one that is not in the ranking."""
        return dict(self.ranking).get(intent, 0.0)


def usable_spans(
    name: str, value: object, start: int, end: int, found_by: str = "Payload", role: str = ""
) -> Iterator[Span]:
    """Yield the span of a value that came as JSON; one for each of the first items of a list.

    Anybody can type a payload, so what is neither a text nor a number is left out, and true is a
    word, not a number.
    """
    name = plain_text(name)
    for item in value[:_MOST_ITEMS] if isinstance(value, list) else [value]:
        if isinstance(item, bool):
            yield Span(name, str(item).lower(), start, end, found_by, role)
        elif isinstance(item, str):
            yield Span(name, plain_text(item), start, end, found_by, role)
        elif isinstance(item, int):
            yield Span(name, item, start, end, found_by, role)


def plain_text(text: str) -> str:
    """Return a text without control characters; JSON can escape what no message may hold."""
    kept = (" " if char.isspace() else char for char in valid_text(text))
    return "".join(char for char in kept if unicodedata.category(char) != "Cc")


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
