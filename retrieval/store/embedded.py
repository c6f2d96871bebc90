"""The store that needs no server: one directory, written once and read ever after.

FAISS finds vectors, an inverted index of our own words and filters, and SQLite keeps the rest.
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from embedding.data.remote import RemoteFile, Root
from retrieval.errors import IndexMismatch
from retrieval.store.arrays import load_arrays, save_arrays
from retrieval.store.faiss_index import FaissIndex, build_index
from retrieval.store.filters import Facets, FilterIndex, write_filters
from retrieval.store.picture_table import PictureTable, write_pictures
from retrieval.store.protocol import EVERYTHING, Picture, Scope, Space, WordHits
from retrieval.store.vector_files import VectorFiles
from retrieval.store.vectors import Ids, Mask, Vectors
from retrieval.store.word_index import WordIndex, write_words

__all__ = ["EmbeddedStore", "EmbeddedWriter", "open_store"]

PICTURES = "pictures.sqlite"
VECTORS = "vectors.faiss"
CAPTION_VECTORS = "captions.faiss"
CAPTION_ROWS = "captions"
"""The rows that have captions, in the order of their vectors."""
FILTERS = "filters"
WORDS = "words"

_MASKS_KEPT = 64
"""A byte a picture each: the scopes of the conversations that go on."""
_SEARCHES_AT_ONCE = 4
"""What one search bars is kept as long as it goes on: it asks for the same scope five times."""


class EmbeddedStore:
    """A `Store` over one directory; see protocol.py."""

    def __init__(self, directory: Path, root: Root | None) -> None:
        self._vectors = FaissIndex.load(directory / VECTORS)
        self._words = WordIndex.open(directory / WORDS)
        self._filters = FilterIndex.open(directory / FILTERS)
        self._captions: FaissIndex | None = None
        self._caption_rows: Ids = np.zeros(0, np.int64)
        if (directory / CAPTION_VECTORS).is_file():
            self._captions = FaissIndex.load(directory / CAPTION_VECTORS)
            (self._caption_rows,) = load_arrays(directory / CAPTION_ROWS, "rows")
        self._pictures = PictureTable.open(directory / PICTURES, root)
        try:
            self._check()
        except IndexMismatch:
            self._pictures.close()
            raise
        # Bound here rather than as decorators, so that the caches die with the store.
        self._mask = functools.lru_cache(maxsize=_MASKS_KEPT)(self._make_mask)
        self._allowed = functools.lru_cache(maxsize=_SEARCHES_AT_ONCE)(self._find_allowed)
        self._facets = functools.lru_cache(maxsize=1)(self._filters.facets)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._vectors.dimension

    @property
    def is_remote(self) -> bool:
        """Whether a search waits for another process; it does not."""
        return False

    @property
    def captioned(self) -> int:
        """Number of pictures that have a caption."""
        return self._words.captioned

    @property
    def root(self) -> Root:
        """The folder that the pictures' paths start from."""
        return self._pictures.root

    @property
    def attribution(self) -> str:
        """Who made the pictures, as they want to be named; may be empty."""
        return self._pictures.attribution

    def __len__(self) -> int:
        return len(self._pictures)

    def search(
        self, vector: Vectors, k: int, scope: Scope = EVERYTHING, space: Space = "pictures"
    ) -> tuple[Ids, Vectors]:
        """Return the rows and cosines of the `k` nearest to a unit vector, best first, or fewer."""
        mask, left = self._allowed(scope)
        if space == "pictures":
            return self._vectors.search(vector, k, mask, left)
        if self._captions is None:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        if mask is not None and len(self._captions) < len(self):
            mask = mask[self._caption_rows]
            left = int(np.count_nonzero(mask))
        places, cosines = self._captions.search(vector, k, mask, left)
        return self._caption_rows[places], cosines

    def search_words(self, words: Sequence[str], k: int, scope: Scope = EVERYTHING) -> WordHits:
        """Return the `k` pictures whose captions fit some content words best, or fewer."""
        return self._words.search(words, k, self._allowed(scope)[0])

    def holds(self, phrase: str) -> bool:
        """Return whether a caption holds a word or phrase, in any form."""
        return self._words.holds(phrase)

    def word_weight(self, word: str) -> float:
        """Return how telling a word is here: BM25's inverse document frequency, never below 0."""
        return self._words.weight(word)

    def first(self, k: int, scope: Scope = EVERYTHING) -> Ids:
        """Return the first `k` rows in a scope, ascending."""
        mask, _ = self._allowed(scope)
        if mask is None:
            return np.arange(min(k, len(self)), dtype=np.int64)
        return np.flatnonzero(mask)[:k]

    def count(self, scope: Scope = EVERYTHING) -> int:
        """Return how many pictures a scope has."""
        return self._allowed(scope)[1]

    def rows_of(self, image_ids: Sequence[str]) -> list[int]:
        """Return the rows of those pictures that are in the gallery, in the order of the ids."""
        return self._pictures.rows_of(image_ids)

    def pictures(self, rows: Sequence[int] | Ids) -> list[Picture]:
        """Return the pictures of these rows, in their order."""
        return self._pictures.by_rows(np.asarray(rows, np.int64).tolist())

    def vectors(self, rows: Sequence[int] | Ids, space: Space = "pictures") -> Vectors:
        """Return the vectors (n, dimension) of these rows, in their order."""
        rows = np.asarray(rows, np.int64)
        if space == "pictures" or not len(rows):
            return self._vectors.vectors(rows)
        places = np.searchsorted(self._caption_rows, rows)
        missing = np.append(self._caption_rows, -1)[places] != rows
        if self._captions is None or missing.any():
            raise IndexMismatch(f"the picture in row {rows[missing][0]} has no captions")
        return self._captions.vectors(places)

    def sample(self, n: int, scope: Scope = EVERYTHING, turn: int = 0) -> Ids:
        """Return at most `n` rows of a scope, spread evenly, ascending."""
        mask, left = self._allowed(scope)
        every = max(1, left // n)
        first = turn % every
        if mask is None:
            return np.arange(first, left, every, dtype=np.int64)[:n]
        return np.flatnonzero(mask)[first::every][:n]

    def vocabulary(self) -> Mapping[str, int]:
        """Return how often the captions hold each word, lower-cased, as it is written there."""
        return self._words.vocabulary()

    def facets(self) -> Facets:
        """Return what the pictures can be filtered by: folders, years, tags."""
        return self._facets()

    def get(self, image_id: str) -> Picture | None:
        """Return a picture, or None if there is none of that id."""
        return self._pictures.get(image_id)

    def file(self, image_id: str) -> Path | RemoteFile:
        """Return a picture's file; see originals.py for which files may be shown."""
        return self._pictures.file(image_id)

    def close(self) -> None:
        """Close it; those who still read finish first."""
        self._pictures.close()

    def _find_allowed(self, scope: Scope) -> tuple[Mask | None, int]:
        """Return which rows are in a scope (None: all), and how many they are."""
        if not (scope.filters or scope.without or scope.barred):
            return None, len(self)
        mask, left = self._mask(scope.filters, scope.without)
        if scope.barred:
            mask = mask.copy()  # what is kept must not change
            mask[list(scope.barred)] = False
            left = int(np.count_nonzero(mask))
        return mask, left

    def _make_mask(
        self, filters: tuple[tuple[str, str], ...], without: tuple[str, ...]
    ) -> tuple[Mask, int]:
        mask = np.ones(len(self), np.bool_)
        for key, value in filters:
            holds = np.zeros(len(self), np.bool_)
            holds[self._filters.rows(key, value)] = True
            mask &= holds
        for phrase in without:
            mask[self._words.rows_with(phrase)] = False
        mask.flags.writeable = False
        return mask, int(np.count_nonzero(mask))

    def _check(self) -> None:
        """Raise IndexMismatch unless the parts have as many rows as each other."""
        for what, found in (("vectors", len(self._vectors)), ("word index", len(self._words))):
            if found != len(self):
                raise IndexMismatch(f"the {what} has {found} rows, the gallery {len(self)}")
        if self._captions is None:
            return
        rows = np.asarray(self._caption_rows)
        if self._captions.dimension != self.dimension or len(self._captions) != len(rows):
            raise IndexMismatch(
                f"the captions have {len(self._captions)} vectors of {self._captions.dimension} "
                f"numbers, for {len(rows)} rows of {self.dimension}"
            )
        if len(rows) and (rows[0] < 0 or rows[-1] >= len(self) or (np.diff(rows) <= 0).any()):
            raise IndexMismatch("the captions' rows are not the gallery's")


class EmbeddedWriter(VectorFiles):
    """Writes a new store: vectors as they come, then the rest at once; a context manager.

    Args:
        directory: where to; it is made.
        dimension: length of a vector.
    """

    def __init__(self, directory: Path, dimension: int) -> None:
        super().__init__(directory, dimension)
        self._directory = directory

    def finish(self, pictures: Sequence[Picture], root: Root, attribution: str) -> None:
        """Write everything.

        Args:
            pictures: of all rows, in their order.
            root: the folder that their paths start from.
            attribution: who made them, as they want to be named.

        Raises:
            GalleryError: there are not as many pictures as vectors.
        """
        vectors = self.vectors_of(pictures)
        directory = self._directory
        build_index(vectors).save(directory / VECTORS)
        if self.caption_rows:
            build_index(self.vectors("captions")).save(directory / CAPTION_VECTORS)
            save_arrays(directory / CAPTION_ROWS, rows=np.array(self.caption_rows, np.int64))
        write_pictures(directory / PICTURES, pictures, root, attribution)
        write_filters(directory / FILTERS, ((one.path, one.metadata) for one in pictures))
        write_words(directory / WORDS, (one.captions for one in pictures))


def open_store(directory: Path, root: Root | None = None) -> EmbeddedStore:
    """Open the store in a directory.

    Args:
        directory: what an `EmbeddedWriter` wrote.
        root: where the pictures lie now, if not where they lay when it was written.

    Raises:
        RetrievalError: a file is missing, damaged or of another format.
    """
    return EmbeddedStore(directory, root)
