"""Vectors as arrays, whatever computed them, and how many are computed in batches."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding.progress import Progress, silent

__all__ = ["Vectors", "in_batches", "unit"]

Vectors = NDArray[np.float32]
"""Rows of numbers, one row an item."""


def unit(vectors: Vectors) -> Vectors:
    """Return rows of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32, copy=False)
    return rows


def in_batches(
    items: Sequence[Any],
    batch_size: int,
    encode: Callable[[Sequence[Any]], Vectors],
    *,
    key: Callable[[Any], int] | None = None,
    threads: int = 1,
    progress: Progress = silent,
) -> Vectors:
    """Return a vector (n, d) for each item, encoded in batches.

    Args:
        items: at least one.
        batch_size: most items at once.
        encode: vectors (m, d) of a batch.
        key: what is alike in items that should share a batch, such as their length: a batch is
            padded to its longest text, so mixed lengths would waste most of the work.
        threads: batches that are encoded at once; 1 stays in the thread that asks.
        progress: told about the items done.
    """
    order = sorted(range(len(items)), key=lambda i: key(items[i]) if key else i)
    starts = range(0, len(order), batch_size)
    batches = ([items[i] for i in order[start : start + batch_size]] for start in starts)
    rows: list[Vectors] = []
    with ThreadPoolExecutor(threads) as pool:
        at_once = threads > 1 and len(starts) > 1
        for encoded in pool.map(encode, batches) if at_once else map(encode, batches):
            rows.append(encoded)
            done = min(len(rows) * batch_size, len(order))
            progress(done, len(order), "encoding")
    joined = np.concatenate(rows)
    vectors = np.empty_like(joined)
    vectors[order] = joined
    return vectors
