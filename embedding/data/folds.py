"""Dividing images into parts; all captions of an image always go with it."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from embedding.errors import DataError

__all__ = ["FRACTIONS", "SPLITS", "Indices", "folds", "split_by_hash", "split_name"]

Indices = NDArray[np.int64]
SPLITS = ("train", "dev", "test")
FRACTIONS = (0.8, 0.1, 0.1)
"""Shares of train, dev and test where a data set has no official split."""


def split_name(split: str) -> str:
    """Return train, dev or test; ``val`` is another word for dev.

    Raises:
        DataError: any other name.
    """
    name = {"val": "dev", "validation": "dev"}.get(split, split)
    if name not in SPLITS:
        raise DataError(f"there is no split {split!r}; choose one of {', '.join(SPLITS)}")
    return name


def split_by_hash(
    image_ids: Sequence[str], split: str, fractions: tuple[float, float, float] = FRACTIONS
) -> list[int]:
    """Return the positions of the images in one split, in their order.

    Where an image goes depends on its id alone, so adding images moves none of the others.

    Args:
        image_ids: one id an image.
        split: train, dev (or val) or test.
        fractions: shares of train, dev and test; they sum to 1.

    Raises:
        DataError: an unknown split, or fractions that are no shares.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise DataError(f"split fractions are {fractions}; they must be >= 0 and sum to 1")
    position = SPLITS.index(split_name(split))
    low = sum(fractions[:position])
    high = 1.0 if position == 2 else low + fractions[position]
    return [i for i, image_id in enumerate(image_ids) if low <= _unit_hash(image_id) < high]


def folds(n_images: int, k: int, *, seed: int = 0) -> Iterator[tuple[Indices, Indices]]:
    """Yield ``k`` pairs (train, held out) of image indices; each image is held out once.

    Fold sizes differ by at most one.

    Args:
        n_images: number of images, at least ``k``.
        k: number of folds, at least 2.
        seed: decides which images lie together.

    Raises:
        DataError: ``k`` does not fit the number of images.
    """
    if not 2 <= k <= n_images:
        raise DataError(f"cannot make {k} folds of {n_images} images; use 2 to {n_images} folds")
    order = np.random.default_rng(seed).permutation(n_images).astype(np.int64)
    for held_out in np.array_split(order, k):
        kept = np.ones(n_images, dtype=bool)
        kept[held_out] = False
        yield np.flatnonzero(kept).astype(np.int64), np.sort(held_out)


def _unit_hash(image_id: str) -> float:
    digest = hashlib.sha256(image_id.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
