"""What turns texts and pictures into vectors, whatever runs behind it.

Nothing here needs torch: whoever searches, or understands what was said, knows an encoder by
these two protocols alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from PIL import Image

from embedding.model.vectors import Vectors

__all__ = ["Encoder", "SentenceEncoder", "Vectors", "limit_threads", "load_encoder"]


class SentenceEncoder(Protocol):
    """Turns sentences into vectors that lie close together where the meaning does."""

    @property
    def fingerprint(self) -> str:
        """Same fingerprint, same vectors."""

    @property
    def known_words(self) -> frozenset[str]:
        """Words that are spelled as meant, lower-cased; empty where that is not known."""

    def encode_sentences(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors (n, m) of sentences."""


class Encoder(SentenceEncoder, Protocol):
    """Turns texts and pictures into unit vectors of one space; safe from several threads."""

    @property
    def name(self) -> str:
        """What people call the model."""

    @property
    def dimension(self) -> int:
        """Length of every vector."""

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors (n, dimension) of texts; a text is never fetched or opened."""

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Return unit vectors (n, dimension) of pictures of any mode and size."""


def load_encoder(directory: Path) -> Encoder:
    """Return the encoder of a model directory.

    Raises:
        ModelError: it cannot be loaded, or does not read both texts and pictures.
    """
    # Lazily: torch takes seconds to import, and most of what knows an encoder never loads one.
    from embedding.model.joint import JointEmbedding

    return JointEmbedding.load(directory)


def limit_threads(threads: int) -> None:
    """Let an encoder that is called from this thread compute on so many processor threads.

    OpenMP keeps the number for each thread apart, so every thread of a pool must say it.
    """
    import torch

    torch.set_num_threads(threads)
