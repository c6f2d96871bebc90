"""Nearest neighbours by cosine; FAISS does the work.

Which FAISS index is used follows from the number of vectors when it is built:

- up to `FLAT_LIMIT` (50,000): flat, exact. One search reads every vector, 10 ms for 50,000 of 512
  dimensions on one core: about what the text tower takes for the request itself, so that nothing
  is given away for speed.
- above: inverted lists (IVF, full vectors), 4 * sqrt(n) lists of which 160 are read. So a search
  reads 40 * sqrt(n) vectors, and finds 99.6% of the same first ten in 100,000 as in 1,000,000
  (benchmarks/search_speed.py). Not HNSW: it is twice as fast without a filter, but needs
  hundreds of bytes more for each vector, takes three times as long to build, and finds little
  under a narrow filter.
"""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np

from retrieval.errors import GalleryError, IndexMismatch
from retrieval.store.files import atomic_path
from retrieval.store.order import best_first
from retrieval.store.vectors import Ids, Mask, Vectors, check_vectors

__all__ = ["FLAT_LIMIT", "FaissIndex", "build_index"]

FLAT_LIMIT = 50_000
"""Most vectors for which every one is compared; see above."""

READ_LISTS = 160
"""So many of the inverted lists are read in a search, however many there are."""

_ADDED_AT_ONCE = 16_384
_POINTS_A_LIST = 48

_BY_PLACE = 1
"""FAISS's DirectMap::Array, unnamed in its Python types: a vector is found by its row."""


class FaissIndex:
    """Unit vectors in rows 0 to n - 1, flat or with inverted lists; safe from several threads."""

    def __init__(self, index: Any) -> None:
        """Take a FAISS index: IndexFlatIP, or IndexIVFFlat with a direct map."""
        self._index = index
        self._inverted = isinstance(index, faiss.IndexIVFFlat)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    @property
    def kind(self) -> str:
        """What FAISS does: "flat" or "inverted lists"."""
        return "inverted lists" if self._inverted else "flat"

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, vector: Vectors, k: int, mask: Mask | None = None, left: int | None = None
    ) -> tuple[Ids, Vectors]:
        """Return the rows and cosines of the `k` nearest, best first, or of fewer.

        Args:
            vector: (dimension,), normalised.
            k: how many, at least 1.
            mask: (n,) which rows may come; None means all.
            left: how many those are, where that is known.

        Raises:
            IndexMismatch: `vector` does not fit, or `k` is below 1.
        """
        if k < 1:
            raise IndexMismatch(f"k is {k}; ask for at least 1")
        vector = check_vectors(vector[np.newaxis], self.dimension)[0]
        selector: Any = None
        if mask is None:
            left = len(self)
        else:
            left = int(np.count_nonzero(mask)) if left is None else left
            # Must live until the search is over: FAISS keeps a bare pointer.
            bits: Any = np.packbits(mask, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg]  # typed as in C++
        k = min(k, left)
        if k == 0:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        rows, cosines = self._search(vector, k, selector, self._lists_to_read(left))
        if len(rows) < k:
            # The lists that were read did not hold enough: read them all.
            rows, cosines = self._search(vector, k, selector, self._lists)
        order = best_first(cosines, rows)
        return rows[order], cosines[order]

    def vectors(self, rows: Ids) -> Vectors:
        """Return the stored vectors (n, dimension) of these rows, in their order.

        Raises:
            IndexMismatch: there is no such row.
        """
        rows = np.ascontiguousarray(rows, dtype=np.int64)
        if not len(rows):
            return np.zeros((0, self.dimension), np.float32)
        if rows.min() < 0 or rows.max() >= len(self):
            wrong = rows.min() if rows.min() < 0 else rows.max()
            raise IndexMismatch(f"row {wrong} is not in the index of {len(self)} vectors")
        with _one_thread():
            return np.asarray(self._index.reconstruct_batch(rows), dtype=np.float32)

    def save(self, path: Path) -> None:
        """Write the index to one file, atomically.

        Raises:
            GalleryError: there is no room for it.
        """
        with atomic_path(path) as temporary:
            try:
                # Through Python's file: FAISS's own says nothing where its last bytes are lost.
                with temporary.open("wb") as file:
                    writer = faiss.PyCallbackIOWriter(file.write)  # type: ignore[attr-defined]
                    faiss.write_index(self._index, writer)
            except (RuntimeError, OSError) as error:
                raise GalleryError(
                    f"{path.name} cannot be written ({_first_line(error)}); make room on the disk"
                ) from None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            IndexMismatch: the file is missing, no FAISS index, or not one of ours.
        """
        try:
            # Mapped, not read: it opens at once, and all processes share its pages.
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise IndexMismatch(
                f"{path.name} is not a readable FAISS index ({_first_line(error)}); index the "
                "pictures again"
            ) from None
        if not isinstance(index, faiss.IndexFlatIP | faiss.IndexIVFFlat):
            raise IndexMismatch(
                f"{path.name} holds a {type(index).__name__}; expected IndexFlatIP or IndexIVFFlat"
            )
        if index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise IndexMismatch(f"{path.name} does not compare by inner product; index again")
        return cls(index)

    @property
    def _lists(self) -> int:
        return int(self._index.nlist) if self._inverted else 1

    def _lists_to_read(self, left: int) -> int:
        """Return how many lists to read when so many rows are left.

        What a filter leaves is spread over the lists as all rows are: where it leaves a tenth, ten
        times as many lists hold as many rows to compare. So the narrower the filter, the more
        lists are read, and no narrow filter loses what the usual number would miss.
        """
        return min(self._lists, math.ceil(READ_LISTS * len(self) / max(left, 1)))

    def _search(self, vector: Vectors, k: int, selector: Any, lists: int) -> tuple[Ids, Vectors]:
        parameters: Any = faiss.SearchParameters()
        if self._inverted:
            parameters = faiss.SearchParametersIVF()
            parameters.nprobe = lists
        parameters.sel = selector
        with _one_thread():
            cosines, rows = self._index.search(vector[np.newaxis], k, params=parameters)
        found = rows[0] >= 0
        return rows[0][found], cosines[0][found]


def build_index(vectors: Vectors) -> FaissIndex:
    """Return an index over vectors (n, dimension), its kind chosen by their number.

    They may lie in a file that is mapped: they are read a block at a time.

    Raises:
        IndexMismatch: wrong type or shape, not finite, or not normalised.
    """
    if vectors.ndim != 2:
        raise IndexMismatch(f"vectors have shape {vectors.shape}; expected (n, d)")
    count, dimension = vectors.shape
    check_vectors(vectors[:1], dimension)
    index: Any = faiss.IndexFlatIP(dimension)
    if count > FLAT_LIMIT:
        lists = int(4 * np.sqrt(count))
        index = faiss.IndexIVFFlat(index, dimension, lists, faiss.METRIC_INNER_PRODUCT)
        # These place the centres as well as FAISS's 256 points a list and 25 rounds, in a
        # twentieth of the time.
        index.cp.max_points_per_centroid = _POINTS_A_LIST
        index.cp.niter = 6
        index.train(np.ascontiguousarray(vectors[:: max(1, count // (_POINTS_A_LIST * lists))]))
        index.set_direct_map_type(_BY_PLACE)
    for start in range(0, count, _ADDED_AT_ONCE):
        index.add(check_vectors(vectors[start : start + _ADDED_AT_ONCE], dimension))
    return FaissIndex(index)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Keep FAISS on the calling thread: many searches at once share the cores better so.

    FAISS's setting belongs to the calling thread, so it is made around each call.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
