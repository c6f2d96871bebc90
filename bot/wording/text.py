"""Words of a text with the punctuation around them, and what numbers and ratings in it mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from bot.wording.spelling import one_slip_away

_WORD = re.compile(r"\bw/o?(?!\w)|\w+(?:['\u2019\-]\w+)*")
# In the names of symbols that are older than emoji: "heavy black heart", "thumbs up sign".
_NO_NAME = re.compile(r"\b(?:heavy|black|white) |(?: sign| symbol)$")
_MOST_EMOJI = 3
_NUMBER = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\.?", re.IGNORECASE)
# Ordinals of English and German by their endings: "second", "4th", "zweite", "dritten".
_ORDINAL = re.compile(r"(?:st|nd|rd|th|second|te[nmrs]?)$", re.IGNORECASE)
# Around words, but no boundary of a sentence or clause.
_NO_MARKS = " \t\n\"'\u201c\u201d\u201e"


class Word(NamedTuple):
    """A word of a text: lower-cased, with its place and the punctuation around it."""

    text: str
    start: int
    end: int
    mark: str = ""
    after: str = ""


def split_words(text: str) -> list[Word]:
    """Return the words of a text; punctuation stands between words."""
    matches = list(_WORD.finditer(text))
    edges = [0, *(match.end() for match in matches)]
    starts = [*(match.start() for match in matches), len(text)]
    marks = [text[end:start].strip(_NO_MARKS)[:1] for end, start in zip(edges, starts, strict=True)]
    return [
        Word(match[0].lower().replace("\u2019", "'"), *match.span(), before, after)
        for match, before, after in zip(matches, marks, marks[1:], strict=False)
    ]


def spell_out_emoji(text: str) -> str:
    """Return the names of the emoji of a text that has nothing else, "" for any other text.

    No encoder knows emoji, but all know "dog face" and "thumbs up".
    """
    names: list[str] = []
    for character in text:
        if character.isalnum() or unicodedata.category(character).startswith("P"):
            return ""
        name = unicodedata.name(character, "").lower()
        if unicodedata.category(character) == "So" and not name.startswith("regional"):
            names.append(_NO_NAME.sub("", name))
    return " and ".join(list(dict.fromkeys(names))[:_MOST_EMOJI])


class Normalizer:
    """Turns what was said into a value: "second" -> 2, "thumbs up" -> "up".

    Args:
        synonyms: lower-cased phrase -> value; values that are whole numbers are positions.
        known_words: words that are spelled as meant; others may be typing errors.
    """

    def __init__(self, synonyms: dict[str, str], known_words: Iterable[str]) -> None:
        self._positions = {k: int(v) for k, v in synonyms.items() if v.lstrip("-").isdigit()}
        self._ratings = {k: v for k, v in synonyms.items() if k not in self._positions}
        self._known = set(known_words) | synonyms.keys()

    @property
    def numerals(self) -> list[str]:
        """The words that name a position."""
        return list(self._positions)

    def position(self, word: str) -> int | None:
        """Return the position that a word names: 1 first, -1 last, 0 middle; else None."""
        number = _NUMBER.fullmatch(word)
        if number:
            return int(number[1]) or None
        return self._positions.get(self._correct(word, self._positions))

    def count(self, word: str) -> int | None:
        """Return the number in "the first two", "the last 3"; None for ordinals and others."""
        position = self.position(word)
        return position if position and position > 1 and not _ORDINAL.search(word) else None

    def rating(self, phrase: str) -> str | None:
        """Return "up" or "down", or None if the phrase names no rating."""
        return self._ratings.get(self._correct(phrase, self._ratings))

    def _correct(self, word: str, targets: Iterable[str]) -> str:
        if word in self._known or len(word) < 4:
            return word
        return next(iter(one_slip_away(word, targets)), word)
