"""A linear map of text vectors, learned from captions of one gallery: where its words lead there.

The pictures keep their vectors, so nothing is looked at again. The map is the sum of two: one by
which the vector of a caption leads to its picture's (ridge regression), and none at all, which
keeps what the model knew. A few hundred captions bear no more than that (docs/experiments.md).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding.model.vectors import Vectors, unit

__all__ = ["TextMap", "learn_map"]

RIDGE = 0.3
"""How stiff the regression is, in mean eigenvalues of the captions' second moments."""
KEPT = 0.7
"""Weight of what the model knew: spread of its scores beside that of the learned ones."""
_SAMPLE = 1_000


@dataclass(frozen=True, eq=False)
class TextMap:
    """A map of the space of texts.

    Attributes:
        matrix: (dimension, dimension); a row vector is multiplied with it. There is no constant
            term, so it can be made part of any linear last layer, whatever the vectors' lengths.
    """

    matrix: Vectors

    def apply(self, texts: Vectors) -> Vectors:
        """Return unit vectors (n, dimension) of texts' vectors (n, dimension)."""
        return unit(texts @ self.matrix)


def learn_map(texts: Vectors, owners: NDArray[np.int64], pictures: Vectors) -> TextMap:
    """Return the map that leads captions to their pictures.

    Args:
        texts: (n, dimension) unit vectors of captions.
        owners: (n,) the picture of each.
        pictures: (m, dimension) unit vectors of the whole gallery, with captions or without.
    """
    own = (pictures - pictures.mean(axis=0))[owners]
    moments = (texts.T @ texts).astype(np.float64)
    ridge = RIDGE * np.trace(moments) / min(texts.shape)
    learned = np.linalg.solve(moments + ridge * np.eye(len(moments)), texts.T @ own)
    learned = learned.astype(np.float32)
    # Scores of both maps are laid on one scale: how far they spread over the gallery.
    some, beside = _spread_out(texts), _spread_out(pictures)
    matrix = learned / _spread(some @ learned, beside)
    kept = KEPT / _spread(some, beside) * np.eye(len(moments))
    return TextMap((matrix + kept).astype(np.float32))


def _spread(texts: Vectors, pictures: Vectors) -> float:
    """Return the usual standard deviation of a text's scores over the pictures."""
    return max(float((texts @ pictures.T).std(axis=1).mean()), 1e-9)


def _spread_out(rows: Vectors) -> Vectors:
    """Return a sample of rows, spread evenly."""
    return rows[:: -(-len(rows) // _SAMPLE)]
