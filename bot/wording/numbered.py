"""What is said of pictures by their numbers: "the first is great, 2 is way off", "like 3, but red".

The words that praise, blame and compare are data of each language (clauses.yml).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bot.wording.phrases import any_of
from bot.wording.text import Normalizer, split_words

__all__ = ["Example", "NumberedReader", "Verdict"]

_EDGES = r"[\s,.;:!?\u2013\u2014-]*"
# "1, 2 and the third": nobody says more of them at once.
_MOST_MORE = 5


class Named(NamedTuple):
    """A picture.

    Attributes:
        position: its number on the page.
        start: where that stands in the text.
        end: where it ends.
    """

    position: int
    start: int
    end: int


class Verdict(NamedTuple):
    """What is thought of a picture: whether it is liked."""

    picture: Named
    is_good: bool


class Example(NamedTuple):
    """Pictures that others are to be like, and where in the text stands what these show beside."""

    pictures: list[Named]
    start: int
    end: int


class NumberedReader:
    """Reads what is said of pictures by their numbers.

    Args:
        phrases: those of one language, by their part.
        normalizer: knows numbers.
    """

    def __init__(self, phrases: Mapping[str, Sequence[str]], normalizer: Normalizer) -> None:
        before = any_of(phrases, "ordinal_before", "counting")
        behind = any_of(phrases, "ordinal_behind", "media")
        joined = any_of(phrases, "joined", "turning")
        number = (
            rf"(?:#?\d{{1,2}}(?:st|nd|rd|th)?|{any_of({'named': normalizer.numerals}, 'named')})"
        )
        more = rf"(?:(?:\s*,\s*(?:{joined}\s+)?|\s+{joined}\s+)(?:{before}\s+)?{number})"
        which = rf"(?:{before}\s+)*(?P<which>{number}{more}{{0,{_MOST_MORE}}}+)\b(?:\s+{behind})*"
        link, end = rf"{_EDGES}(?:{joined}\s+)?", rf"(?!\w){_EDGES}"
        self._statements = [
            re.compile(
                rf"{link}{which}[\s,:]+(?:(?P<good>{any_of(phrases, 'good')})"
                rf"|{any_of(phrases, 'bad')}){end}",
                re.IGNORECASE,
            ),
            re.compile(
                rf"{link}(?:(?P<good>{any_of(phrases, 'liking')})"
                rf"|{any_of(phrases, 'disliking')})\s+{which}{end}",
                re.IGNORECASE,
            ),
        ]
        self._example = re.compile(
            rf"{_EDGES}{any_of(phrases, 'alike')}\s+{which}(?:\s+|\s*,\s*)"
            rf"(?:{any_of(phrases, 'turning', 'resume')}\s+)?(?P<beside>\w.*)",
            re.IGNORECASE,
        )
        self._normalizer = normalizer

    def example(self, text: str) -> Example | None:
        """Return which pictures others are to be like, and what else these are to show."""
        match = self._example.match(text)
        named = self._named(match["which"], match.start("which")) if match else []
        return Example(named, *match.span("beside")) if match and named else None

    def verdicts(self, text: str) -> list[Verdict]:
        """Return what a text thinks of pictures; nothing where it says anything else beside."""
        found: list[Verdict] = []
        at = 0
        while at < len(text):
            matches = (statement.match(text, at) for statement in self._statements)
            match = next((one for one in matches if one), None)
            if match is None:
                return []
            named = self._named(match["which"], match.start("which"))
            if not named:
                return []
            found += [Verdict(one, match["good"] is not None) for one in named]
            at = match.end()
        return found

    def _named(self, which: str, start: int) -> list[Named]:
        """Return the pictures that are named; none where "two are great" only counts them."""
        return [
            Named(position, start + word.start, start + word.end)
            for word in split_words(which)
            if (position := self._normalizer.position(word.text)) is not None
            and not (word.text.isalpha() and self._normalizer.count(word.text))
        ]
