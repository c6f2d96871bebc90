"""What others use to search vectors, over the same ones as search_speed.py, which runs this.

None of them is part of the project: pip install usearch hnswlib sentence-transformers. Each builds
with all cores and searches with one thread, one query at a time; both count in CPU time. One that
searches a graph does so with the least effort (ef) that finds 0.98 of the ten nearest, if 1,024
does.

clip-retrieval is what its own `index` and `back` do, written down with faiss: autofaiss takes
HNSW32 for whatever fits into its 4 GB, and a search for the answer reads the vectors of what was
found and joins those that look alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import faiss
import numpy as np

from retrieval.store.vectors import Ids, Vectors

GOAL = 0.98
EFFORTS = (16, 32, 64, 128, 256, 512, 1024)
_AT_ONCE = 50_000

Search = Callable[[Vectors, int], Ids]
"""A query (dimension,) and an effort -> the rows of the ten nearest."""


def exact_search(vectors: Vectors, queries: Vectors, k: int) -> Ids:
    """Return the rows (queries, k) of the nearest, by comparing all, a block at a time."""
    best = np.full((len(queries), k), -np.inf, np.float32)
    rows = np.zeros((len(queries), k), np.int64)
    for start in range(0, len(vectors), _AT_ONCE):
        cosines = np.hstack([best, queries @ vectors[start : start + _AT_ONCE].T])
        names = np.arange(start - k, start - k + cosines.shape[1])
        top = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        rows = np.where(top < k, np.take_along_axis(rows, np.minimum(top, k - 1), 1), names[top])
        best = np.take_along_axis(cosines, top, 1)
    return rows


def clip_retrieval(vectors: Vectors) -> tuple[Search, Sequence[int]]:
    """HNSW32 as autofaiss chooses it, and the search of clip-retrieval's server."""
    index = faiss.index_factory(vectors.shape[1], "HNSW32", faiss.METRIC_INNER_PRODUCT)
    index.add(vectors)

    def search(query: Vectors, effort: int) -> Ids:
        faiss.omp_set_num_threads(1)
        index.hnsw.efSearch = effort  # type: ignore[attr-defined]  # of the kind that was asked for
        _, rows, found = index.search_and_reconstruct(query[None], 10)
        alike = faiss.IndexFlatIP(vectors.shape[1])
        alike.add(found[0])
        alike.range_search(found[0], 0.94)
        return np.asarray(rows[0])

    return search, EFFORTS


def hnswlib(vectors: Vectors) -> tuple[Search, Sequence[int]]:
    """With its README's settings."""
    import hnswlib as library

    index = library.Index(space="ip", dim=vectors.shape[1])
    index.init_index(max_elements=len(vectors), ef_construction=200, M=16)
    index.add_items(vectors)

    def search(query: Vectors, effort: int) -> Ids:
        index.set_ef(effort)
        return np.asarray(index.knn_query(query, k=10, num_threads=1)[0][0], np.int64)

    return search, EFFORTS


def usearch(vectors: Vectors) -> tuple[Search, Sequence[int]]:
    """With its defaults, but full precision."""
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="ip", dtype="f32")
    index.add(np.arange(len(vectors)), vectors)

    def search(query: Vectors, effort: int) -> Ids:
        index.expansion_search = effort
        return np.asarray(index.search(query, 10, threads=1).keys, np.int64)

    return search, EFFORTS


def semantic_search(vectors: Vectors) -> tuple[Search, Sequence[int]]:
    """sentence-transformers' exact search."""
    import torch
    from sentence_transformers import util

    corpus = torch.from_numpy(vectors)

    def search(query: Vectors, _effort: int) -> Ids:
        torch.set_num_threads(1)
        wanted = torch.from_numpy(query[None])
        (found,) = util.semantic_search(wanted, corpus, top_k=10, score_function=util.dot_score)
        return np.array([one["corpus_id"] for one in found])

    return search, (0,)


PEERS: dict[str, Callable[[Vectors], tuple[Search, Sequence[int]]]] = {
    "semantic_search": semantic_search,
    "usearch": usearch,
    "hnswlib": hnswlib,
    "clip-retrieval": clip_retrieval,
}


def measure_peers(
    names: Sequence[str], vectors: Vectors, queries: Vectors, say: Callable[[object], None]
) -> dict[str, Any]:
    """Return build time, search time and recall@10 of each."""
    exact = exact_search(vectors, queries, 10)
    figures: dict[str, Any] = {}
    for name in names:
        try:
            figures[name] = _measure(PEERS[name], vectors, queries, exact)
        except ImportError as error:
            figures[name] = f"missing: {error}"
        say({name: figures[name]})
    return figures


def _measure(
    peer: Callable[[Vectors], tuple[Search, Sequence[int]]],
    vectors: Vectors,
    queries: Vectors,
    exact: Ids,
) -> dict[str, float]:
    start = time.process_time()
    search, efforts = peer(vectors)
    figures = {"build_cpu_s": round(time.process_time() - start, 1)}
    for effort in efforts:
        taken, found = [], 0
        for query, rows in zip(queries, exact, strict=True):
            start = time.process_time()
            hits = search(query, effort)
            taken.append(time.process_time() - start)
            found += len({*hits.tolist()} & {*rows.tolist()})
        figures |= {"ef": effort, "search_ms": round(1000 * median(taken), 2)}
        figures["recall_at_10"] = round(found / exact.size, 4)
        if figures["recall_at_10"] >= GOAL:
            break
    return figures
