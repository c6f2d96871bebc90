"""The index that is chosen for a large gallery against a flat one, measured in one run.

    python benchmarks/search_speed.py [--vectors 100000] [--dimension 512] [--queries 200]

Prints JSON: the speed-up (flat time / chosen time, one thread, one query at a time)
and recall@10 (share of the flat index's first ten that are found), without a filter and with
filters that leave half and a twentieth of the gallery.
"""

import argparse
import json
import time
from collections.abc import Callable

import faiss
import numpy as np

from retrieval.store.faiss_index import FaissIndex, build_index
from retrieval.store.vectors import Ids, Mask, Vectors

LATENT = 32


def picture_like(rng: np.random.Generator, count: int, dimension: int) -> Vectors:
    """Return vectors (count, dimension), normalised, as spread out as pictures' are.

    Pictures vary in a few dozen ways, not in hundreds: overlapping clusters of 32 latent numbers
    go through a fixed random two-layer map, with a little noise in all directions.
    """
    fixed = np.random.default_rng(7)
    centers = fixed.normal(size=(500, LATENT))
    first, second = (fixed.normal(size=size) for size in ((LATENT, 128), (128, dimension)))
    latent = centers[rng.integers(len(centers), size=count)] + rng.normal(size=(count, LATENT))
    vectors = np.tanh(latent @ first / LATENT**0.5) @ second
    vectors += 0.1 * vectors.std() * rng.normal(size=vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32)


def flat_index(vectors: Vectors) -> FaissIndex:
    """Return an exact index, however many vectors there are."""
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return FaissIndex(index)


def timed(search: Callable[[Vectors], Ids], queries: Vectors) -> tuple[float, list[set[int]]]:
    """Return the median time of a query in ms, and what each found."""
    times, found = [], []
    for query in queries:
        start = time.perf_counter()
        ids = search(query)
        times.append(time.perf_counter() - start)
        found.append(set(ids.tolist()))
    return 1000 * float(np.median(times)), found


def compare(
    flat: FaissIndex, chosen: FaissIndex, queries: Vectors, mask: Mask | None
) -> dict[str, float]:
    """Return times, their ratio and recall@10 of the chosen index."""
    flat_ms, exact = timed(lambda query: flat.search(query, 10, mask)[0], queries)
    chosen_ms, found = timed(lambda query: chosen.search(query, 10, mask)[0], queries)
    recall = float(np.mean([len(a & b) / len(a) for a, b in zip(exact, found, strict=True)]))
    return {
        "flat_ms": round(flat_ms, 3),
        "chosen_ms": round(chosen_ms, 3),
        "ratio": round(flat_ms / chosen_ms, 1),
        "recall_at_10": round(recall, 4),
    }


def main() -> None:
    """Build both indexes and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--queries", type=int, default=200)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    vectors = picture_like(rng, options.vectors, options.dimension)
    queries = picture_like(rng, options.queries, options.dimension)
    start = time.perf_counter()
    chosen = build_index(vectors)
    seconds = time.perf_counter() - start
    flat = flat_index(vectors)
    draws = rng.random(len(vectors))
    result = {
        "vectors": len(vectors),
        "dimension": options.dimension,
        "chosen": chosen.kind,
        "build_s": round(seconds, 1),
        "all": compare(flat, chosen, queries, None),
        "half_filtered_out": compare(flat, chosen, queries[:50], draws < 0.5),
        "all_but_a_twentieth_filtered_out": compare(flat, chosen, queries[:50], draws < 0.05),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
