"""Vectors as arrays, whatever computed them."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Vectors", "unit"]

Vectors = NDArray[np.float32]
"""Rows of numbers, one row an item."""


def unit(vectors: Vectors) -> Vectors:
    """Return rows of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32, copy=False)
    return rows
