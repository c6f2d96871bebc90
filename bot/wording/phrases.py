"""Phrases of a language as patterns, and the parts of a text that they are found in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["Place", "any_of", "any_regular", "halves", "only", "spelled_out"]

Place = tuple[int, int]
"""Where a part of a text begins and ends."""

_ALTERNATIVES = re.compile(r"\(([^()]*)\)")


def only(text: str, places: Sequence[Place], *, inside: bool) -> str:
    """Return a text of the same length with blanks outside of some places, or inside of them."""
    kept = [not inside] * len(text)
    for start, end in places:
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
    if not listed:
        return "(?!)"
    spaced = [r"\s+".join(map(re.escape, one.split())) for one in listed]
    spaced = [one.replace("'", "['\u2019]?") for one in spaced]
    return f"(?:{'|'.join(sorted(spaced, key=len, reverse=True))})"
