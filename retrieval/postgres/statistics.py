"""How often things occur in one version: stems, words as they are written, folders, years, tags."""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from retrieval.postgres.database import Reader
from retrieval.postgres.terms import Words, clean, fit, folders, terms_and_date
from retrieval.store.filters import DATE, TAG, Facets, clean_tag, indexed_metadata
from retrieval.store.protocol import Picture
from retrieval.store.word_index import forms
from retrieval.store.words import regular_stem

__all__ = ["Counts", "Statistics", "counts_of"]

STEM, WORD, FOLDER, YEAR = "stem", "word", "folder", "year"
Counts = Counter[tuple[str, str]]
"""By kind and name."""


def counts_of(picture: Picture, words: Words) -> Iterator[tuple[tuple[str, str], int]]:
    """Yield what one picture adds to the counts of a version."""
    yield from (((STEM, stem), 1) for stem in words.frequencies)
    yield from (((WORD, word), count) for word, count in words.spelled.items())
    yield from (((FOLDER, folder), 1) for folder in folders(picture.path))
    yield from (
        ((TAG, clean(tag)), 1) for key, tag in indexed_metadata(picture.metadata) if key == TAG
    )
    _, date = terms_and_date(picture)
    if date:
        yield (YEAR, date[:4]), 1


class Statistics:
    """The counts of one version, read when they are first needed.

    Args:
        reader: of the database.
        number: of the version.
    """

    def __init__(self, reader: Reader, number: int) -> None:
        self._reader = reader
        self._number = number
        self._counts = functools.cache(self._read)

    def holders(self, word: str) -> int:
        """Return how many pictures have a caption with a word's own stem."""
        return self._of(STEM).get(fit(regular_stem(word)), 0)

    def holds(self, word: str) -> bool:
        """Return whether a caption holds a word in any of its forms."""
        return any(fit(form) in self._of(STEM) for form in forms(word))

    def vocabulary(self) -> Mapping[str, int]:
        """Return how often the captions hold each word, lower-cased, as it is written there."""
        return self._of(WORD)

    def facets(self) -> Facets:
        """Return what the pictures can be filtered by: folders, years, tags."""
        return Facets(self._of(FOLDER), self._of(YEAR), self._of(TAG))

    def count_of(self, filters: Sequence[tuple[str, str]]) -> int | None:
        """Return how many pictures a single folder, year or tag has; None for other filters."""
        if len(filters) != 1:
            return None
        ((key, value),) = filters
        if key == FOLDER and value.strip("/"):
            return self._of(FOLDER).get(clean(value.strip("/")), 0)
        if key == TAG:
            return self._of(TAG).get(clean(clean_tag(value)), 0)
        if key == DATE and re.fullmatch(r"[0-9]{4}", value):
            return self._of(YEAR).get(value, 0)
        return None

    def _of(self, kind: str) -> Mapping[str, int]:
        return self._counts().get(kind, {})

    def _read(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        rows = self._reader.fetch(
            "SELECT kind, name, sum(change)::bigint FROM counts WHERE version <= %s"
            " GROUP BY kind, name HAVING sum(change) > 0 ORDER BY 3 DESC, 2",
            (self._number,),
        )
        for kind, name, count in rows:
            found.setdefault(kind, {})[name] = count
        return found
