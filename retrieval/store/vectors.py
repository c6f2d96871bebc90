"""Vectors, checked before FAISS, which checks nothing, sees them."""

import numpy as np
import numpy.typing as npt

from retrieval.errors import IndexMismatch

__all__ = ["Ids", "Mask", "Vectors", "check_vectors"]

Vectors = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def check_vectors(vectors: Vectors, dimension: int) -> Vectors:
    """Return vectors (n, dimension), contiguous, if an index can hold or search them.

    Raises:
        IndexMismatch: wrong type or shape, not finite, or not normalised.
    """
    if vectors.dtype != np.float32:
        raise IndexMismatch(f"vectors are {vectors.dtype}; expected float32")
    if vectors.ndim != 2 or vectors.shape[1] != dimension or dimension < 1:
        raise IndexMismatch(f"vectors have shape {vectors.shape}; expected (n, {dimension or 'd'})")
    if not np.isfinite(vectors).all():
        raise IndexMismatch("vectors hold NaN or infinity; the model that made them is broken")
    lengths = np.linalg.norm(vectors, axis=1)
    wrong = np.abs(lengths - 1) > 1e-3
    if wrong.any():
        raise IndexMismatch(
            f"a vector has length {lengths[wrong][0]:.4g}; expected vectors normalised to 1"
        )
    return np.ascontiguousarray(vectors)
