"""Which words of a request a gallery knows: its captions' words, or those of typical requests."""

import re
from collections.abc import Callable

from retrieval.search.general_words import comprised
from retrieval.search.query_bank import TypicalRequests
from retrieval.store.protocol import Store
from retrieval.store.words import content_words

__all__ = ["Known", "known_to_captions", "known_to_requests", "naming_words", "unknown_words"]

Known = Callable[[str], bool]
"""Tells whether a word is known."""

MOST_WORDS = 12
"""Of a text of more words than this the first ones are looked at."""

# What people say around what they look for, or of everything they like; no picture lacks it.
_AROUND = """
picture pictures photo photos photograph photographs image images pic pics snapshot shot show shows
showing find search see seeing look looking give get kind kinds sort type nice beautiful pretty
lovely cute cool great good best better amazing awesome funny interesting gorgeous wonderful
stunning perfect random different similar related various typical quiet calm peaceful serene
relaxing cosy cozy romantic scary creepy spooky weird strange unusual dramatic moody dreamy magical
mysterious things stuff elegant stylish fancy special famous popular tasty delicious yummy
"""
_NAMING_NOTHING = frozenset(_AROUND.split())
# What is done with it is no thing: "something sweet to eat".
_PURPOSE = re.compile(
    r"\b(?:something|anything|things|stuff|somewhere)\b.*?\bto\s+(\w+)", re.IGNORECASE
)


def known_to_captions(store: Store) -> Known:
    """Return what tells whether captions hold a word, another name of it, or one of its kinds."""
    return lambda word: any(store.holds(name) for name in (word, *comprised(word)))


def known_to_requests(requests: TypicalRequests | None) -> Known:
    """Return the same for typical requests; without any, no word is known."""
    if requests is None:
        return lambda _word: False
    return lambda word: any(
        requests.direction(name) is not None for name in (word, *comprised(word))
    )


def naming_words(text: str) -> list[str]:
    """Return the words of a text that name something, lower-cased, in their order."""
    words = [word for word in content_words(text) if word.isalpha()]
    return [word for word in words if word not in _NAMING_NOTHING][:MOST_WORDS]


def unknown_words(text: str, known: Known) -> list[str]:
    """Return the words of a text that name something and are not known, in their order."""
    purposes = {verb.lower() for verb in _PURPOSE.findall(text)}
    return [word for word in naming_words(text) if not known(word) and word not in purposes]
