"""What holds a gallery and searches it, whatever engine stands behind it.

A search asks a store and orders what it answers; it never sees all rows at once. So everything
that narrows a search down travels with it as a `Scope`, and the engine applies it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from embedding.data.remote import RemoteFile, Root
from retrieval.store.filters import Facets
from retrieval.store.vectors import Ids, Vectors

__all__ = ["EVERYTHING", "Picture", "Scope", "Space", "Store", "WordHits"]

Space = Literal["pictures", "captions"]
"""Which vectors are meant: those of the pictures themselves, or of what their captions mean."""


@dataclass(frozen=True)
class Picture:
    """One picture of the gallery.

    Attributes:
        row: its number in this store, at least 0; another version may have another for it. The
            embedded store has 0 to the number of pictures less 1, PostgreSQL leaves some out.
        image_id: first 16 hex digits of `sha256`: the same in every version.
        path: where it lies below the gallery's root, with forward slashes.
        sha256: of the file's bytes, in hex.
        width: in pixels, upright.
        height: in pixels, upright.
        captions: what it is said to show; may be empty.
        metadata: whatever else is known of it.
    """

    row: int
    image_id: str
    path: str
    sha256: str
    width: int
    height: int
    captions: tuple[str, ...]
    metadata: dict[str, str]


@dataclass(frozen=True)
class Scope:
    """Which pictures a search may answer with.

    Attributes:
        filters: (key, value) pairs that all must hold; filters.py has the forms.
        barred: rows that must not come.
        without: phrases that no caption of a picture may hold, stemmed ("dogs" bars "dog").
    """

    filters: tuple[tuple[str, str], ...] = ()
    barred: tuple[int, ...] = ()
    without: tuple[str, ...] = ()


EVERYTHING = Scope()


@dataclass(frozen=True, eq=False)
class WordHits:
    """Pictures whose captions share words with a request, best first.

    Attributes:
        rows: (n,).
        scores: (n,), BM25; higher is better.
        holds: (n, words) whether the captions of a picture hold each word of the request.
    """

    rows: Ids
    scores: npt.NDArray[np.float32]
    holds: npt.NDArray[np.bool_]


class Store(Protocol):
    """A gallery: vectors, captions, metadata; read-only and safe to use from several threads.

    Every method may raise StoreUnavailable where a server holds the gallery.
    """

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def is_remote(self) -> bool:
        """Whether a search waits for another process, so that several are asked for at once."""

    @property
    def captioned(self) -> int:
        """Number of pictures that have a caption."""

    @property
    def root(self) -> Root:
        """The folder that the pictures' paths start from."""

    @property
    def attribution(self) -> str:
        """Who made the pictures, as they want to be named; may be empty."""

    def __len__(self) -> int:
        """Return the number of pictures."""

    def search(
        self, vector: Vectors, k: int, scope: Scope = EVERYTHING, space: Space = "pictures"
    ) -> tuple[Ids, Vectors]:
        """Return the rows and cosines of the `k` nearest to a unit vector, best first, or fewer.

        Raises:
            RetrievalError: a filter's value cannot be used, such as a date that does not exist.
        """

    def search_words(self, words: Sequence[str], k: int, scope: Scope = EVERYTHING) -> WordHits:
        """Return the `k` pictures whose captions fit some content words best, or fewer."""

    def holds(self, phrase: str) -> bool:
        """Return whether a caption holds a word or phrase, in any form."""

    def word_weight(self, word: str) -> float:
        """Return how telling a word is here: BM25's inverse document frequency, never below 0."""

    def first(self, k: int, scope: Scope = EVERYTHING) -> Ids:
        """Return the first `k` rows in a scope, ascending."""

    def count(self, scope: Scope = EVERYTHING) -> int:
        """Return how many pictures a scope has."""

    def rows_of(self, image_ids: Sequence[str]) -> list[int]:
        """Return the rows of those pictures that are in the gallery, in the order of the ids."""

    def pictures(self, rows: Sequence[int] | Ids) -> list[Picture]:
        """Return the pictures of these rows, in their order."""

    def vectors(self, rows: Sequence[int] | Ids, space: Space = "pictures") -> Vectors:
        """Return the vectors (n, dimension) of these rows, in their order.

        Raises:
            RetrievalError: there is no such row, or it has no captions and their vector is asked
                for.
        """

    def sample(self, n: int, scope: Scope = EVERYTHING, turn: int = 0) -> Ids:
        """Return at most `n` rows of a scope, spread evenly, ascending.

        Args:
            n: how many, at least 1.
            scope: which rows may come.
            turn: the same one gives the same rows, another one others, where there are more.
        """

    def vocabulary(self) -> Mapping[str, int]:
        """Return how often the captions hold each word, lower-cased, as it is written there.

        Raises:
            GalleryError: its file is missing or damaged.
        """

    def facets(self) -> Facets:
        """Return what the pictures can be filtered by: folders, years, tags."""

    def get(self, image_id: str) -> Picture | None:
        """Return a picture, or None if there is none of that id."""

    def file(self, image_id: str) -> Path | RemoteFile:
        """Return a picture's file, if it is one that may be shown (see originals.py).

        Raises:
            GalleryError: no such picture, its file is gone, or its path leaves the root.
        """

    def close(self) -> None:
        """Close it; those who still read finish first."""
