"""What turns texts and pictures into vectors, whatever runs behind it.

Nothing here needs torch: whoever searches, or understands what was said, knows an encoder by
these two protocols alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from PIL import Image

from embedding.errors import ModelError
from embedding.model.vectors import Vectors

__all__ = [
    "Encoder",
    "JointEncoder",
    "SentenceEncoder",
    "Vectors",
    "check_features",
    "reads_no_pictures",
]


def reads_no_pictures(name: str) -> ModelError:
    """Return the error of a model that has no image encoder and is given pictures."""
    return ModelError(
        f"the model {name!r} was trained on precomputed image features and cannot "
        "read pictures; encode their features with encode_features, or train on images"
    )


def check_features(features: Vectors, width: int) -> None:
    """Check the image features that a model projects.

    Raises:
        ModelError: they are not (n, width).
    """
    if features.ndim != 2 or features.shape[1] != width:
        raise ModelError(
            f"image features have shape {features.shape}; the model takes (n, {width})"
        )


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


class JointEncoder(Encoder, Protocol):
    """An encoder of whole data sets: it also shows what its image side sees, for keeping it."""

    directory: Path | None
    """Where it was loaded from, if it was."""

    @property
    def image_fingerprint(self) -> str:
        """Same fingerprint, same image features."""

    @property
    def image_precision(self) -> str:
        """In which arithmetic image features are computed."""

    @property
    def reads_images(self) -> bool:
        """Whether images can be encoded; otherwise the image side takes feature vectors."""

    def encode_image_features(self, images: Sequence[Image.Image]) -> Vectors:
        """Return the image encoder's own vectors (n, width), before the joint space."""

    def encode_features(self, features: Vectors) -> Vectors:
        """Return unit vectors (n, dimension) of the image encoder's own (n, width)."""
