"""What general words comprise: whoever wants no people wants no men, women and children either.

The words are in general_words.yml, which says at its top how it is written.
"""

import functools
from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

import yaml

from retrieval.store.words import exclusion_phrase, stem

__all__ = ["comprised", "with_comprised"]


class _Entry(NamedTuple):
    names: tuple[str, ...]
    members: tuple[str, ...]


@functools.lru_cache(maxsize=4_096)
def comprised(phrase: str) -> tuple[str, ...]:
    """Return the words and phrases for what a general word comprises, other names of it included.

    Args:
        phrase: what somebody said ("any people"). Only a phrase that is nothing but a general word
            comprises anything: "old people" are no children.
    """
    own = _key(phrase)
    entry = _entries().get(own)
    if entry is None:
        return ()
    found: dict[str, str] = {}  # the first spelling of each
    waiting = [*entry.names, *entry.members]
    while waiting:
        word = waiting.pop(0)
        key = _key(word)
        if key in found:
            continue
        found[key] = word
        inner = _entries().get(key)
        waiting += (*inner.names, *inner.members) if inner else ()
    return tuple(word for key, word in found.items() if key != own)


def with_comprised(phrases: Sequence[str]) -> tuple[str, ...]:
    """Return phrases with what each of them comprises."""
    return tuple(dict.fromkeys(word for one in phrases for word in (one, *comprised(one))))


@functools.cache
def _entries() -> dict[str, _Entry]:
    """Return the entry of each name."""
    text = files("retrieval.search").joinpath("general_words.yml").read_text(encoding="utf-8")
    entries = [
        _Entry(*map(_words, (one["names"], one["comprise"]))) for one in yaml.safe_load(text)
    ]
    return {_key(name): entry for entry in entries for name in entry.names}


def _words(listed: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in listed.split(","))


def _key(phrase: str) -> str:
    return " ".join(map(stem, exclusion_phrase(phrase)))
