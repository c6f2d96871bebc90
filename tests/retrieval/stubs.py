"""An encoder and galleries that cost nothing, for tests of everything but the model."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from embedding.model.encoder import Encoder
from retrieval.store.embedded import EmbeddedStore, EmbeddedWriter, open_store
from retrieval.store.protocol import Picture
from retrieval.store.vectors import Vectors
from retrieval.store.words import content_words, stem

DIMENSION = 32


def unit(rows: np.ndarray) -> Vectors:
    """Return rows (n, d) at length 1."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return (rows / np.maximum(lengths, 1e-9)).astype(np.float32)


def direction_of(word: str) -> np.ndarray:
    """Return a direction (DIMENSION,) of a word, always the same."""
    seed = int.from_bytes(hashlib.sha256(stem(word).encode()).digest()[:8])
    return np.random.default_rng(seed).normal(size=DIMENSION)


class StubEncoder:
    """Texts are the sum of their words; a picture is the text that its mode and size name.

    Attributes:
        calls: the texts of each call of `encode_text`.
    """

    name = "stub"
    fingerprint = "stub"
    dimension = DIMENSION
    known_words: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        self.calls.append(list(texts))
        rows = [
            sum(map(direction_of, content_words(text)), np.full(DIMENSION, 1e-3)) for text in texts
        ]
        return unit(np.array(rows).reshape(-1, DIMENSION))

    encode_sentences = encode_text

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        rows = [direction_of(f"{image.mode} {image.size}") for image in images]
        return unit(np.array(rows).reshape(-1, DIMENSION))


def picture(row: int, captions: Sequence[str] = (), **metadata: str) -> Picture:
    """Return a picture of a gallery."""
    sha256 = hashlib.sha256(str(row).encode()).hexdigest()
    return Picture(
        row, sha256[:16], f"folder{row % 7}/{row}.png", sha256, 4, 3, tuple(captions), metadata
    )


def write_store(
    directory: Path,
    vectors: Vectors,
    pictures: Sequence[Picture] | None = None,
    caption_vectors: Vectors | None = None,
) -> EmbeddedStore:
    """Return the open store of some pictures; close it."""
    pictures = pictures or [picture(row) for row in range(len(vectors))]
    with EmbeddedWriter(directory, vectors.shape[1]) as writer:
        writer.add(vectors)
        if caption_vectors is not None:
            rows = [one.row for one in pictures if one.captions]
            writer.add_captions(rows, caption_vectors[rows])
        writer.finish(pictures, directory, "")
    return open_store(directory)


class SqueezedEncoder:
    """Another encoder with its cosines shifted and squeezed, as CLIP's are.

    Texts share one large component and pictures another, so that texts that have nothing in common
    have a cosine of 0.6, and a picture and a caption one of about 0.2, or 0.35 where they fit.
    """

    known_words: frozenset[str] = frozenset()
    _TEXTS, _PICTURES, _BETWEEN = 0.6**0.5, 0.72**0.5, 0.3

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name = f"squeezed {encoder.name}"
        self.fingerprint = f"squeezed {encoder.fingerprint}"
        self.dimension = encoder.dimension + 2

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        return self._with(self._encoder.encode_text(texts), self._TEXTS, (1, 0))

    encode_sentences = encode_text

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        shared = (self._BETWEEN, (1 - self._BETWEEN**2) ** 0.5)
        return self._with(self._encoder.encode_images(images), self._PICTURES, shared)

    def _with(self, vectors: Vectors, share: float, component: tuple[float, float]) -> Vectors:
        rest = np.tile(share * np.array(component), (len(vectors), 1))
        return unit(np.concatenate([(1 - share**2) ** 0.5 * vectors, rest], axis=1))
