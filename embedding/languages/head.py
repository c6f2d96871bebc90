"""The head of a student: from the tokens of a text in any language to the space of a model.

multilingual-e5-small gives what means the same in two languages nearly the same vectors. A small
network over them, taught to give the vector that a model's own text encoder gives for the English
sentence, so reads all of them. It lies beside the model's weights.

Each token passes the first layer by itself, and the second takes the mean: of means of tokens alone
the network would learn less (docs/experiments.md).
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from embedding.errors import ModelError
from embedding.model.vectors import Vectors, unit

__all__ = ["HEAD_FILE", "Head"]

HEAD_FILE = "languages.npz"
"""Where it lies in a model directory."""
_STEPS = 127
_ARRAYS = ("inner", "inner_scale", "inner_bias", "outer", "outer_scale", "outer_bias")


@dataclass(frozen=True, eq=False)
class Head:
    """Two layers with a rectifier between them, and the mean over the tokens.

    Attributes:
        inner: (width of a token, hidden).
        inner_bias: (hidden,).
        outer: (hidden, dimension).
        outer_bias: (dimension,).
    """

    inner: Vectors
    inner_bias: Vectors
    outer: Vectors
    outer_bias: Vectors

    @property
    def dimension(self) -> int:
        """Length of the vectors that it gives."""
        return len(self.outer_bias)

    def project(self, tokens: Vectors, mask: NDArray[np.bool_]) -> Vectors:
        """Return unit vectors (n, dimension) of texts.

        Args:
            tokens: (n, t, width) of each text.
            mask: (n, t), which of them are some; at least one of each text.
        """
        hidden = np.maximum(tokens @ self.inner + self.inner_bias, 0.0)
        weights = (mask / mask.sum(axis=1, keepdims=True)).astype(np.float32)
        return unit(np.einsum("nt,nth->nh", weights, hidden) @ self.outer + self.outer_bias)

    def save(self, path: Path) -> None:
        """Write it to a file; weights as whole steps, each column's of its own size."""
        inner, inner_scale = _in_steps(self.inner)
        outer, outer_scale = _in_steps(self.outer)
        with path.open("wb") as file:
            np.savez(
                file,
                inner=inner,
                inner_scale=inner_scale,
                inner_bias=self.inner_bias.astype(np.float16),
                outer=outer,
                outer_scale=outer_scale,
                outer_bias=self.outer_bias.astype(np.float16),
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            ModelError: the file is damaged.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                read = [np.asarray(arrays[name], np.float32) for name in _ARRAYS]
            inner, inner_scale, inner_bias, outer, outer_scale, outer_bias = read
            return cls(inner * inner_scale, inner_bias, outer * outer_scale, outer_bias)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ModelError(f"{path} cannot be read ({error}); take the model again") from error


def _in_steps(weights: Vectors) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return a matrix as int8 and the size of a step in each of its columns."""
    scale = np.maximum(np.abs(weights).max(axis=0), 1e-12) / _STEPS
    steps = np.round(weights / scale).astype(np.int8)
    return steps, scale.astype(np.float32)
