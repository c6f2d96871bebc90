"""What the words of one message say, before the session has been asked: intents and spans."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace

from retrieval.store.words import valid_text

__all__ = [
    "ALL",
    "EXCLUDE",
    "NONE",
    "OTHER_LANGUAGE",
    "REFINE",
    "SEARCH",
    "Reading",
    "Span",
    "usable_spans",
]

SEARCH, REFINE, EXCLUDE = "search_images", "refine_search", "exclude_from_search"
OTHER_LANGUAGE = "other_language"
"""The intent of a message in a language that is not understood."""
ALL, NONE = "all", "none"
"""Answers to "a or b?": values of the entity `answer`."""
_MOST_ITEMS = 24


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
