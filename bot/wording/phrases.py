"""Phrases of a language as patterns, and the parts of a text that they are found in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

__all__ = ["Place", "any_of", "any_regular", "halves", "only", "spelled_out"]

Place = tuple[int, int]
"""Where a part of a text begins and ends."""

_ALTERNATIVES = re.compile(r"\(([^()]*)\)")
_PATTERNS = {" ": r"\s+", "'": "['\u2019]?"}
_END = ""

_Branches: TypeAlias = "dict[str, _Branches]"
"""The patterns of letters that may follow, each with what follows it; _END where a phrase ends."""


def only(text: str, places: Sequence[Place], *, inside: bool) -> str:
    """Return a text of the same length with blanks outside of some places, or inside of them.

    A place may reach beyond the text, where that is the first part of another.
    """
    kept = [not inside] * len(text)
    for start, end in places:
        end = min(end, len(text))
        kept[start:end] = [inside] * (end - start)
    return "".join(letter if keep else " " for letter, keep in zip(text, kept, strict=True))


def spelled_out(phrase: str) -> list[str]:
    """Return the phrases that one with alternatives stands for.

    "(don't|do not) want (to see|)" stands for four.
    """
    match = _ALTERNATIVES.search(phrase)
    if not match:
        return [" ".join(phrase.split())]
    before, after = phrase[: match.start()], phrase[match.end() :]
    return [one for each in match[1].split("|") for one in spelled_out(before + each + after)]


def halves(phrase: str) -> tuple[str, str]:
    """Return the patterns of what stands before the star of a phrase, and behind it."""
    before, after = phrase.split("*")
    return _one_of([before]), _one_of([after])


def any_of(phrases: Mapping[str, Sequence[str]], *parts: str) -> str:
    """Return a pattern of the phrases of some parts, the longest first; without any, of nothing.

    Blanks between words may be of any length, apostrophes of any kind or missing.
    """
    return _one_of([one for part in parts for one in phrases.get(part, ())])


def any_regular(phrases: Mapping[str, Sequence[str]], part: str) -> str:
    """Return a pattern of a part that lists regular expressions; without any, of nothing."""
    return f"(?:{'|'.join(phrases.get(part, ())) or '(?!)'})"


def _one_of(listed: Sequence[str]) -> str:
    """Return a pattern of phrases, the longest first.

    They share what they begin with: a flat list of hundreds is tried one by one at each place of
    a text, with a whole search behind each in some patterns.
    """
    if not listed:
        return "(?!)"
    root: _Branches = {}
    for phrase in listed:
        branches = root
        for letter in " ".join(phrase.split()):
            branches = branches.setdefault(_PATTERNS.get(letter) or re.escape(letter), {})
        branches[_END] = {}
    return f"(?:{_written(root)})"


def _written(branches: _Branches) -> str:
    """Return the pattern of what follows one beginning."""
    longer = [letter + _written(rest) for letter, rest in branches.items() if letter != _END]
    if not longer:
        return ""
    is_whole = _END in branches
    if len(longer) == 1 and not is_whole:
        return longer[0]
    return f"(?:{'|'.join(longer)})" + "?" * is_whole
