"""Pictures that look alike: one of them is shown, the others stay behind it."""

from collections.abc import Sequence

import numpy as np

from retrieval.store.vectors import Vectors

__all__ = ["fold"]


def fold(vectors: Vectors, shown: Vectors, k: int, alike: float) -> tuple[Sequence[int], int]:
    """Choose the first `k` vectors that look like none chosen before them and none shown.

    Args:
        vectors: (n, dimension), best first.
        shown: (m, dimension).
        k: how many at most.
        alike: vectors with a larger cosine look alike.

    Returns:
        The places of the chosen ones, and how many were left out because they look like another.
    """
    closest = (vectors @ shown.T).max(axis=1) if len(shown) else np.full(len(vectors), -1.0)
    chosen: list[int] = []
    folded = 0
    for place in range(len(vectors)):
        if closest[place] > alike:
            folded += 1
        elif len(chosen) < k:
            chosen.append(place)
            closest = np.maximum(closest, vectors @ vectors[place])
    return chosen, folded
