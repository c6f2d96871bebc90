"""Nearest neighbours by cosine, behind one small protocol; FAISS does the work.

Which FAISS index is used follows from the number of vectors when it is built:

- up to `FLAT_LIMIT` (50,000): flat, exact. One search reads every vector, 10 ms for 50,000 of 512
  dimensions on one core: about what the text tower takes for the request itself, so that nothing
  is given away for speed.
- above: inverted lists (IVF, full vectors), 4 * sqrt(n) lists of which an eighth is read: 10 times
  as fast as flat for 100,000 vectors, with 99.5% of the same first ten
  (benchmarks/search_speed.py). Not HNSW: it cannot remove vectors and needs hundreds of bytes
  more for each.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, Self

import faiss
import numpy as np
import numpy.typing as npt

from retrieval.errors import IndexMismatch
from retrieval.store.files import atomic_path
from retrieval.store.vectors import Ids, Vectors, check_entries, check_vectors

__all__ = ["FLAT_LIMIT", "FaissIndex", "Ids", "VectorIndex", "Vectors", "build_index"]

FLAT_LIMIT = 50_000
"""Most vectors for which every one is compared; see above."""

READ_SHARE = 8
"""One in so many of the inverted lists is read in a search."""

_BY_ID = 2
"""FAISS's DirectMap::Hashtable, unnamed in its Python types: a vector is found by its id."""


class VectorIndex(Protocol):
    """Normalised vectors under integer ids, searched by inner product (their cosine)."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def ids(self) -> Ids:
        """All ids, ascending."""

    def __len__(self) -> int:
        """Return the number of vectors."""

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add vectors (n, dimension) under new ids (n,)."""

    def remove(self, ids: Ids) -> None:
        """Remove the vectors of these ids, all of which must be there."""

    def search(
        self, vector: Vectors, k: int, *, among: Ids | None = None, without: Ids | None = None
    ) -> tuple[Ids, Vectors]:
        """Return the ids and cosines of the `k` nearest, best first, or of fewer.

        Args:
            vector: (dimension,), normalised.
            k: how many, at least 1.
            among: only these ids, none negative (unknown ones are ignored); None means all.
            without: not these ids.
        """

    def vectors(self, ids: Ids) -> Vectors:
        """Return the stored vectors (n, dimension) of these ids."""

    def save(self, path: Path) -> None:
        """Write the index to one file, atomically."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""


class FaissIndex:
    """A `VectorIndex` over a FAISS index, flat or with inverted lists.

    Reading is safe from several threads; `add` and `remove` are not. Ids are rows of a gallery:
    small numbers, so that a filter is a bit for each.
    """

    def __init__(self, index: Any) -> None:
        """Take a FAISS index: IndexIDMap2 over a flat one, or IndexIVFFlat that maps its ids."""
        self._index = index
        self._inverted = isinstance(index, faiss.IndexIVFFlat)
        self._ids = _stored_ids(index)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    @property
    def ids(self) -> Ids:
        """All ids, ascending."""
        return self._ids

    @property
    def kind(self) -> str:
        """What FAISS does: "flat" or "inverted lists"."""
        return "inverted lists" if self._inverted else "flat"

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Ids, vectors: Vectors) -> None:
        """Add vectors (n, dimension) under new ids (n,).

        Raises:
            IndexMismatch: wrong type, shape or length, not finite, not normalised, or an id is
                given twice or already there.
        """
        ids, vectors = check_entries(ids, vectors, self.dimension)
        known = np.intersect1d(ids, self._ids)
        if len(known):
            raise IndexMismatch(f"id {known[0]} is already in the index; remove it first")
        self._index.add_with_ids(vectors, ids)
        self._ids = np.union1d(self._ids, ids)

    def remove(self, ids: Ids) -> None:
        """Remove the vectors of these ids.

        Raises:
            IndexMismatch: an id is not in the index.
        """
        ids = np.unique(self._known(ids))
        if len(ids):
            # Inverted lists with an id map take no other selector; the flat one takes any.
            self._index.remove_ids(faiss.IDSelectorArray(ids))
            self._ids = np.setdiff1d(self._ids, ids)

    def search(
        self, vector: Vectors, k: int, *, among: Ids | None = None, without: Ids | None = None
    ) -> tuple[Ids, Vectors]:
        """Return the ids and cosines of the `k` nearest, best first (see `VectorIndex`).

        Raises:
            IndexMismatch: `vector` does not fit, or `k` is below 1.
        """
        if k < 1:
            raise IndexMismatch(f"k is {k}; ask for at least 1")
        vector = check_vectors(vector[np.newaxis], self.dimension)[0]
        selector: Any = None
        left = len(self)
        if among is not None or without is not None:
            wanted = self._wanted(among, without)
            left = int(np.count_nonzero(wanted))
            if among is not None and left <= FLAT_LIMIT:
                return self._search_exactly(vector, k, np.flatnonzero(wanted))
            # Must live until the search is over: FAISS keeps a bare pointer.
            bits: Any = np.packbits(wanted, bitorder="little")
            selector = faiss.IDSelectorBitmap(bits)  # type: ignore[call-arg]  # typed as in C++
        k = min(k, left)
        if k == 0:
            return self._ids[:0], np.zeros(0, np.float32)
        found, scores = self._search_faiss(vector, k, selector, everything=False)
        if len(found) < k:
            # The lists that were read did not hold enough: read them all.
            found, scores = self._search_faiss(vector, k, selector, everything=True)
        return found, scores

    def vectors(self, ids: Ids) -> Vectors:
        """Return the stored vectors (n, dimension) of these ids, in their order.

        Raises:
            IndexMismatch: an id is not in the index.
        """
        ids = self._known(ids)
        if not len(ids):
            return np.zeros((0, self.dimension), np.float32)
        with _one_thread():
            return np.asarray(self._index.reconstruct_batch(ids), dtype=np.float32)

    def save(self, path: Path) -> None:
        """Write the index to one file, atomically."""
        with atomic_path(path) as temporary:
            faiss.write_index(self._index, str(temporary))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            IndexMismatch: the file is missing, no FAISS index, or not one of ours.
        """
        try:
            index = faiss.read_index(str(path))
        except RuntimeError as error:
            first = str(error).strip().splitlines()[0]
            raise IndexMismatch(
                f"{path.name} is no readable FAISS index ({first}); index the pictures again"
            ) from None
        flat = isinstance(index, faiss.IndexIDMap2)
        if not (flat or isinstance(index, faiss.IndexIVFFlat)):
            raise IndexMismatch(
                f"{path.name} holds a {type(index).__name__}; expected IndexIDMap2 or IndexIVFFlat"
            )
        if index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise IndexMismatch(f"{path.name} does not compare by inner product; index again")
        return cls(index)

    def _wanted(self, among: Ids | None, without: Ids | None) -> npt.NDArray[np.bool_]:
        """Return for every id up to the largest whether it is here and wanted."""
        size = int(self._ids[-1]) + 1 if len(self) else 0
        wanted = np.zeros(size, np.bool_)
        wanted[self._ids if among is None else among[among < size]] = True
        if among is not None:
            here = np.zeros(size, np.bool_)
            here[self._ids] = True
            wanted &= here
        if without is not None:
            wanted[without[without < size]] = False
        return wanted

    def _search_exactly(self, vector: Vectors, k: int, ids: Ids) -> tuple[Ids, Vectors]:
        scores = self.vectors(ids) @ vector
        best = np.argsort(-scores, kind="stable")[:k]
        return ids[best], scores[best]

    def _search_faiss(
        self, vector: Vectors, k: int, selector: Any, *, everything: bool
    ) -> tuple[Ids, Vectors]:
        parameters: Any = faiss.SearchParameters()
        if self._inverted:
            lists = int(self._index.nlist)
            parameters = faiss.SearchParametersIVF()
            parameters.nprobe = lists if everything else max(1, lists // READ_SHARE)
        parameters.sel = selector
        with _one_thread():
            scores, ids = self._index.search(vector[np.newaxis], k, params=parameters)
        found = ids[0] >= 0
        return ids[0][found], scores[0][found]

    def _known(self, ids: Ids) -> Ids:
        ids = np.ascontiguousarray(ids, dtype=np.int64)
        unknown = np.setdiff1d(ids, self._ids)
        if len(unknown):
            raise IndexMismatch(f"id {unknown[0]} is not in the index of {len(self)} vectors")
        return ids


def build_index(ids: Ids, vectors: Vectors) -> FaissIndex:
    """Return an index over vectors (n, dimension) under ids (n,), its kind chosen by their number.

    Raises:
        IndexMismatch: as `FaissIndex.add`.
    """
    dimension = vectors.shape[1] if vectors.ndim == 2 else 0
    ids, vectors = check_entries(ids, vectors, dimension)
    flat = faiss.IndexFlatIP(dimension)
    if len(vectors) <= FLAT_LIMIT:
        index = FaissIndex(faiss.IndexIDMap2(flat))
    else:
        lists = int(4 * np.sqrt(len(vectors)))
        inverted = faiss.IndexIVFFlat(flat, dimension, lists, faiss.METRIC_INNER_PRODUCT)
        # 64 points a list and 10 rounds place the centres as well as the default 256 and 25 do,
        # in a tenth of the time.
        inverted.cp.max_points_per_centroid = 64
        inverted.cp.niter = 10
        inverted.train(vectors)
        inverted.set_direct_map_type(_BY_ID)
        index = FaissIndex(inverted)
    index.add(ids, vectors)
    return index


def _stored_ids(index: Any) -> Ids:
    if not isinstance(index, faiss.IndexIVFFlat):
        stored = faiss.vector_to_array(index.id_map)
    else:
        lists: Any = index.invlists
        parts = [
            faiss.rev_swig_ptr(lists.get_ids(i), lists.list_size(i)).copy()
            for i in range(index.nlist)
            if lists.list_size(i)
        ]
        stored = np.concatenate(parts) if parts else np.zeros(0)
    return np.sort(stored.astype(np.int64))


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
