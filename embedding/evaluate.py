"""How well the joint space finds the right one: recall@k and median rank, both directions."""

from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from embedding.data import Pairs
from embedding.errors import DataError
from embedding.features import extract_features
from embedding.model import JointEmbedding, Vectors
from embedding.progress import Progress, silent

__all__ = ["Direction", "Metrics", "evaluate_model", "image_ranks", "recall", "text_ranks"]

_BLOCK = 1024
"""Rows of the similarity matrix held at a time."""


class Direction(TypedDict):
    """Percentages of queries answered within the first k, and the middle rank (from 1)."""

    r1: float
    r5: float
    r10: float
    median_rank: float


class Metrics(TypedDict):
    """What ``showtell evaluate --json`` writes."""

    text_to_image: Direction
    image_to_text: Direction
    images: int
    captions: int


def evaluate_model(
    model: JointEmbedding,
    pairs: Pairs,
    *,
    cache_dir: Path | None = None,
    progress: Progress = silent,
) -> Metrics:
    """Return the recall of a model over all images and captions of a data set.

    Pictures that cannot be read, and their captions, are left out; ``images`` and ``captions``
    count what was used.

    Raises:
        DataError: there are no captions, or no picture can be read.
        ModelError: the data are features and do not fit the model.
    """
    images, kept = image_vectors(model, pairs, cache_dir=cache_dir, progress=progress)
    used = pairs if len(kept) == len(pairs.image_ids) else pairs.subset(kept)
    if not used.captions:
        raise DataError(f"{pairs.name} has no captions to evaluate with")
    texts = model.encode_text(used.captions)
    return recall(texts, images, used.caption_to_image)


def image_vectors(
    model: JointEmbedding,
    pairs: Pairs,
    *,
    cache_dir: Path | None = None,
    progress: Progress = silent,
) -> tuple[Vectors, NDArray[np.int64]]:
    """Return joint vectors of the readable images and their indices in ``pairs``."""
    if pairs.features is not None:
        return model.encode_features(pairs.features), np.arange(len(pairs.image_ids))
    found = extract_features(model, pairs, cache_dir=cache_dir, progress=progress)
    return model.encode_features(found.vectors[0]), found.kept


def recall(texts: Vectors, images: Vectors, caption_to_image: NDArray[np.int64]) -> Metrics:
    """Return recall@1/5/10 and median rank over the whole gallery, ties counted against us.

    Args:
        texts: (n_captions, d) vectors.
        images: (n_images, d) vectors; images without captions are distractors for texts.
        caption_to_image: (n_captions,) the image of each caption.

    Raises:
        DataError: the shapes do not fit, or a vector holds something that is no number.
    """
    if len(texts) != len(caption_to_image) or texts.shape[1:] != images.shape[1:] or not len(texts):
        raise DataError(
            f"texts {texts.shape}, images {images.shape} and caption_to_image "
            f"{caption_to_image.shape} must be (c, d), (n, d) and (c,) with c > 0"
        )
    if not (np.isfinite(texts).all() and np.isfinite(images).all()):
        raise DataError("a vector holds a value that is no number; the model is broken")
    return {
        "text_to_image": _summary(text_ranks(texts, images, caption_to_image)),
        "image_to_text": _summary(image_ranks(texts, images, caption_to_image)),
        "images": len(images),
        "captions": len(texts),
    }


def text_ranks(
    texts: Vectors, images: Vectors, caption_to_image: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return (n_captions,) the rank of each caption's image, 1 the best.

    Every other image that scores at least as high is ranked before it.
    """
    ranks = np.empty(len(texts), dtype=np.int64)
    for start in range(0, len(texts), _BLOCK):
        rows = slice(start, start + _BLOCK)
        scores = texts[rows] @ images.T
        own = np.take_along_axis(scores, caption_to_image[rows, None], axis=1)
        # The image itself is among those that score at least as high: no "+ 1".
        ranks[rows] = (scores >= own).sum(axis=1)
    return ranks


def image_ranks(
    texts: Vectors, images: Vectors, caption_to_image: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the rank of the best caption of each image that has any, 1 the best.

    Every caption of another image that scores at least as high is ranked before it.
    """
    with_captions = np.unique(caption_to_image)
    ranks = np.empty(len(with_captions), dtype=np.int64)
    for start in range(0, len(with_captions), _BLOCK):
        block = with_captions[start : start + _BLOCK]
        scores = images[block] @ texts.T
        is_own = block[:, None] == caption_to_image[None, :]
        best = np.where(is_own, scores, -np.inf).max(axis=1, keepdims=True)
        ranks[start : start + _BLOCK] = ((scores >= best) & ~is_own).sum(axis=1) + 1
    return ranks


def _summary(ranks: NDArray[np.int64]) -> Direction:
    def within(k: int) -> float:
        return round(100 * float((ranks <= k).mean()), 2)

    return {
        "r1": within(1),
        "r5": within(5),
        "r10": within(10),
        "median_rank": float(np.median(ranks)),
    }
