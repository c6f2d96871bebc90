"""A made-up gallery of any size: vectors spread as pictures are, words frequent as in language."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import overload

import numpy as np
from PIL import Image

from retrieval.store.protocol import Picture
from retrieval.store.vectors import Vectors

LEFT = {"all": 1, "half": 2, "tenth": 10, "hundredth": 100}
"""Names of filters, and of how many pictures each leaves one."""

_LATENT = 32
_WORDS, _FLAT, _STEEP = 3_000, 10, 1.1
_AT_ONCE = 50_000


def picture_like(rng: np.random.Generator, count: int, dimension: int) -> Vectors:
    """Return vectors (count, dimension), normalised, as spread out as pictures' are.

    Pictures vary in a few dozen ways, not in hundreds: overlapping clusters of 32 latent numbers
    go through a fixed random two-layer map, with a little noise in all directions.
    """
    fixed = np.random.default_rng(7)
    centers = fixed.normal(size=(500, _LATENT)).astype(np.float32)
    first, second = (
        fixed.normal(size=size).astype(np.float32) for size in ((_LATENT, 128), (128, dimension))
    )
    made = np.empty((count, dimension), np.float32)
    for start in range(0, count, _AT_ONCE):
        block = made[start : start + _AT_ONCE]
        latent = centers[rng.integers(len(centers), size=len(block))]
        latent += rng.standard_normal(latent.shape, np.float32)
        block[:] = np.tanh(latent @ first / np.float32(_LATENT**0.5)) @ second
        block += 0.1 * block.std() * rng.standard_normal(block.shape, np.float32)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
    return made


def words(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return the numbers of words, few of them frequent and most rare, as in language."""
    weights = 1 / (np.arange(_WORDS) + _FLAT) ** _STEEP
    return rng.choice(_WORDS, shape, p=weights / weights.sum())


class Pictures(Sequence[Picture]):
    """So many pictures with some captions of seven words each, made when they are asked for."""

    def __init__(self, size: int, captions: int) -> None:
        self._said = words(np.random.default_rng(0), (size, captions, 7)).astype(np.int16)

    def __len__(self) -> int:
        return len(self._said)

    @overload
    def __getitem__(self, row: int) -> Picture: ...

    @overload
    def __getitem__(self, row: slice) -> list[Picture]: ...

    def __getitem__(self, row: int | slice) -> Picture | list[Picture]:
        if isinstance(row, slice):
            return [self[one] for one in range(len(self))[row]]
        captions = tuple(" ".join(f"thing{word}" for word in one) for one in self._said[row])
        metadata = {name: str(row % step == 0) for name, step in LEFT.items()}
        metadata |= {"date": f"20{row % 20:02}-{1 + row % 12:02}", "tags": f"tag{row % 30}"}
        sha256 = f"{row:064x}"[::-1]
        path = f"folder{row % 50}/{row}.png"
        return Picture(row, sha256[:16], path, sha256, 4, 3, captions, metadata)


class MadeUpEncoder:
    """Vectors that look like pictures', the same for the same text."""

    name = fingerprint = "made up"
    known_words: frozenset[str] = frozenset()

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._vectors = picture_like(np.random.default_rng(1), 4_096, dimension)

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """Return one of a few thousand vectors for each text."""
        places = [int(hashlib.md5(text.encode()).hexdigest()[:8], 16) % 4_096 for text in texts]
        return self._vectors[places]

    encode_sentences = encode_text

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        """Return one and the same vector."""
        return self._vectors[: len(images)]
