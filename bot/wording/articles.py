"""The English "a" and "an" of a text of which words were exchanged."""

from __future__ import annotations

import re

from retrieval.store.words import singular

__all__ = ["INDEFINITE", "smoothed"]

INDEFINITE = frozenset({"a", "an"})
_ONE = re.compile(r"\b((?:[Oo]ne|[Ss]ingle) )(\w+)$")
_ARTICLE = re.compile(r"\b([Aa]n?) (\w+)")
# Spelled with a vowel, spoken without ("a unicorn"), and the other way round ("an hour").
_SPOKEN_VOWEL = re.compile(r"[aeio]|u(?!ni|s[aeiou]|k)|hour", re.IGNORECASE)


def smoothed(text: str) -> str:
    """Return a text in single blanks, whose "a" and "an" go with what follows."""
    text = " ".join(text.split())
    text = _ONE.sub(lambda match: match[1] + singular(match[2]), text)
    return _ARTICLE.sub(_fitting, text)


def _fitting(match: re.Match[str]) -> str:
    following = match[2]
    if singular(following.lower()) != following.lower():
        return following
    article = "an" if _SPOKEN_VOWEL.match(following) else "a"
    return f"{article.capitalize() if match[1][0].isupper() else article} {following}"
