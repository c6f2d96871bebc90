"""A page for whoever asks for nothing in particular: pictures as different as can be."""

import numpy as np

from retrieval.store.vectors import Vectors

__all__ = ["farthest_first"]


def farthest_first(vectors: Vectors, shown: Vectors, k: int, alike: float) -> list[int]:
    """Choose vectors each of which is as far as can be from those before it (Gonzalez, 1985).

    Args:
        vectors: (n, dimension), normalised; the first one is chosen first where nothing was shown.
        shown: (m, dimension), seen already.
        k: how many at most.
        alike: vectors with a larger cosine look alike, and only one of them is chosen.

    Returns:
        Places of the chosen ones, in that order.
    """
    closest = (vectors @ shown.T).max(axis=1) if len(shown) else np.full(len(vectors), -1.0)
    chosen: list[int] = []
    for _ in range(min(k, len(vectors))):
        place = int(np.argmin(closest))
        if closest[place] > alike:
            break
        chosen.append(place)
        closest = np.maximum(closest, vectors @ vectors[place])
        closest[place] = np.inf
    return chosen
