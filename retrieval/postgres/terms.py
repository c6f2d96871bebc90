"""What a picture is found by, and the conditions that a scope sets, in PostgreSQL's terms.

A filter on a folder, a tag or metadata is one of a picture's terms: its key, a separator, its
value. Phrases are looked up among the stems of the captions, with their places: both are the
embedded store's own words, never a dictionary of PostgreSQL's.
"""

import hashlib
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from retrieval.store.filters import (
    DATE,
    FOLDER,
    TAG,
    clean_tag,
    date_range,
    indexed_metadata,
)
from retrieval.store.protocol import Picture, Scope
from retrieval.store.word_index import MOST_WORDS, forms
from retrieval.store.words import exclusion_phrase, regular_stem, tokens, valid_text

__all__ = [
    "Condition",
    "Words",
    "barring",
    "clean",
    "conditions",
    "fit",
    "folders",
    "phrase_query",
    "terms_and_date",
]

_SEPARATOR = "\x1f"
_LONGEST = 200
"""Characters of a stem or term; an index of PostgreSQL holds only so many bytes."""
_LAST_PLACE = 16_000
"""PostgreSQL counts no further in a text; nobody describes a picture in so many words."""
_MOST_PLACES = 255
"""PostgreSQL keeps so many places of a stem in a text."""


def clean(text: str) -> str:
    """Return a text that PostgreSQL can hold."""
    return valid_text(text).replace("\0", " ")


def fit(text: str) -> str:
    """Return a text that PostgreSQL can hold and index; long ones that differ still do."""
    text = clean(text)
    if len(text) <= _LONGEST:
        return text
    return text[:_LONGEST] + hashlib.sha256(text.encode()).hexdigest()


def folders(path: str) -> list[str]:
    """Return the folders that a picture lies in, the outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def terms_and_date(picture: Picture) -> tuple[list[str], str | None]:
    """Return what filters find a picture by: its terms, and its date."""
    pairs = indexed_metadata(picture.metadata)
    date = next((value for key, value in pairs if key == DATE), None)
    found = {_term(key, value) for key, value in pairs if key != DATE}
    return sorted(found | {_term(FOLDER, folder) for folder in folders(picture.path)}), date


class Words:
    """The words of a picture's captions.

    Attributes:
        frequencies: of each stem.
        length: of all captions.
        spelled: how often they hold each word, as it is written there.
    """

    def __init__(self, captions: Sequence[str]) -> None:
        self.frequencies: Counter[str] = Counter()
        self.spelled: Counter[str] = Counter()
        self._places: dict[str, list[int]] = {}
        place = 0
        for caption in captions:
            said = tokens(caption)
            self.spelled.update(said)
            for word in said:
                place += 1
                stem = fit(regular_stem(word))
                self.frequencies[stem] += 1
                if place < _LAST_PLACE:
                    self._places.setdefault(stem, []).append(place)
            place += 1  # a gap, so that no phrase reaches from one caption into the next
        self.length = self.frequencies.total()

    def vector(self) -> bytes:
        """Return the stems with their places as a tsvector in PostgreSQL's binary form."""
        parts = [struct.pack(">i", len(self._places))]
        for stem, places in self._places.items():
            kept = places[:_MOST_PLACES]
            parts.append(stem.encode() + struct.pack(f">xH{len(kept)}H", len(kept), *kept))
        return b"".join(parts)


def phrase_query(phrase: str) -> str | None:
    """Return the tsquery of a phrase in any form; None where it has no words."""
    words = exclusion_phrase(phrase)[:MOST_WORDS]
    if not words:
        return None
    return " <-> ".join(
        f"({' | '.join(_quoted(fit(form)) for form in forms(word))})" for word in words
    )


@dataclass(frozen=True)
class Condition:
    """What must hold: a part of a statement, and its values."""

    text: str
    values: tuple[Any, ...]


def conditions(
    number: int, filters: Sequence[tuple[str, str]] = (), without: Sequence[str] = ()
) -> Condition:
    """Return what holds for the pictures of a version that a scope leaves, but for barred ones.

    Raises:
        RetrievalError: the value of a date is not a date.
    """
    parts = list(_parts(filters, without))
    return Condition(
        " AND ".join(["since <= %s AND until > %s", *(text for text, _ in parts)]),
        (number, number, *(value for _, values in parts for value in values)),
    )


def _parts(
    filters: Sequence[tuple[str, str]], without: Sequence[str]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    terms = []
    for key, value in filters:
        if key == DATE:
            low, high = date_range(valid_text(value))
            yield "date >= %s AND date < %s", (clean(low), clean(high))
        elif key == FOLDER:
            terms += [_term(key, value.strip("/"))] if value.strip("/") else []
        else:
            terms.append(_term(key, clean_tag(value) if key == TAG else value))
    if terms:
        yield "terms @> %s::text[]", (terms,)
    for phrase in without:
        if query := phrase_query(phrase):
            yield "NOT words @@ %s::tsquery", (query,)


def _term(key: str, value: str) -> str:
    return fit(f"{key.replace(_SEPARATOR, ' ')}{_SEPARATOR}{value}")


def _quoted(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def barring(scope: Scope, column: str = "id") -> Condition:
    """Return what keeps a scope's barred rows away."""
    if not scope.barred:
        return Condition("", ())
    return Condition(f" AND {column} <> ALL(%s::bigint[])", (list(scope.barred),))
