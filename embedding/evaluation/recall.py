"""How well the joint space finds the right one: recall@k and median rank, both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

import numpy as np
from numpy.typing import NDArray

from embedding.data.pairs import Pairs
from embedding.errors import DataError
from embedding.evaluation.intervals import Intervals, bootstrap
from embedding.model.feature_cache import extract_features
from embedding.model.vectors import Vectors
from embedding.progress import Progress, silent

if TYPE_CHECKING:
    from embedding.model.encoder import JointEncoder

__all__ = [
    "Direction",
    "Embedded",
    "Metrics",
    "Summary",
    "embed_pairs",
    "evaluate_model",
    "image_ranks",
    "mean_and_deviation",
    "measure",
    "metrics_of_ranks",
    "quality",
    "recall",
    "text_ranks",
]

_BLOCK = 1024
"""Rows of the similarity matrix held at a time."""


class Direction(TypedDict):
    """Percentages of queries answered within the first k, and the middle rank (from 1)."""

    r1: float
    r5: float
    r10: float
    median_rank: float


class Summary(TypedDict):
    """One figure for each column, over folds."""

    text_to_image: Direction
    image_to_text: Direction


class Metrics(TypedDict):
    """What ``showtell evaluate --json`` writes; ``intervals`` are there where asked for."""

    text_to_image: Direction
    image_to_text: Direction
    images: int
    captions: int
    intervals: NotRequired[Intervals]


@dataclass(frozen=True, eq=False)
class Embedded:
    """A data set in the joint space.

    Attributes:
        pairs: the images that could be read, and their captions.
        texts: (n_captions, d) unit vectors.
        images: (n_images, d) unit vectors.
    """

    pairs: Pairs
    texts: Vectors
    images: Vectors


def evaluate_model(
    model: JointEncoder,
    pairs: Pairs,
    *,
    cache_dir: Path | None = None,
    progress: Progress = silent,
) -> Metrics:
    """Return the recall of a model over all images and captions of a data set, with intervals.

    Pictures that cannot be read, and their captions, are left out; ``images`` and ``captions``
    count what was used.

    Raises:
        DataError: there are no captions, or no picture can be read.
        ModelError: the data are features and do not fit the model.
    """
    return measure(embed_pairs(model, pairs, cache_dir=cache_dir, progress=progress))


def embed_pairs(
    model: JointEncoder,
    pairs: Pairs,
    *,
    cache_dir: Path | None = None,
    progress: Progress = silent,
) -> Embedded:
    """Return the joint vectors of all captions and readable images.

    Raises:
        DataError: there are no captions, or no picture can be read.
        ModelError: the data are features and do not fit the model.
    """
    if pairs.features is not None:
        used, images = pairs, model.encode_features(pairs.features)
    else:
        found = extract_features(model, pairs, cache_dir=cache_dir, progress=progress)
        used = pairs if len(found.kept) == len(pairs.image_ids) else pairs.subset(found.kept)
        images = model.encode_features(found.vectors[0])
    if not used.captions:
        raise DataError(f"{pairs.name} has no captions to evaluate with")
    return Embedded(used, model.encode_text(used.captions), images)


def measure(embedded: Embedded) -> Metrics:
    """Return the recall of what is in the joint space, with 95 % bootstrap intervals."""
    owners = embedded.pairs.caption_to_image
    return recall(embedded.texts, embedded.images, owners, intervals=True)


def recall(
    texts: Vectors,
    images: Vectors,
    caption_to_image: NDArray[np.int64],
    *,
    intervals: bool = False,
) -> Metrics:
    """Return recall@1/5/10 and median rank over the whole gallery, ties counted against us.

    Args:
        texts: (n_captions, d) vectors.
        images: (n_images, d) vectors; images without captions are distractors for texts.
        caption_to_image: (n_captions,) the image of each caption.
        intervals: add 95 % bootstrap intervals (see ``embedding.evaluation.intervals``).

    Raises:
        DataError: the shapes do not fit, or a vector holds something that is no number.
    """
    if len(texts) != len(caption_to_image) or texts.shape[1:] != images.shape[1:] or not len(texts):
        raise DataError(
            f"texts {texts.shape}, images {images.shape} and caption_to_image "
            f"{caption_to_image.shape} must be (c, d), (n, d) and (c,) with c > 0"
        )
    if not (np.isfinite(texts).all() and np.isfinite(images).all()):
        raise DataError("a vector holds a value that is not a number; the model is broken")
    of_texts = text_ranks(texts, images, caption_to_image)
    of_images = image_ranks(texts, images, caption_to_image)
    return metrics_of_ranks(of_texts, of_images, caption_to_image, len(images), intervals=intervals)


def metrics_of_ranks(
    of_texts: NDArray[np.int64],
    of_images: NDArray[np.int64],
    caption_to_image: NDArray[np.int64],
    images: int,
    *,
    intervals: bool = False,
) -> Metrics:
    """Return recall@1/5/10 and median rank from ranks, however they came about.

    Args:
        of_texts: (n_captions,) the rank of each caption's image, 1 the best.
        of_images: (m,) the rank of the best caption of each image that has any.
        caption_to_image: (n_captions,) the image of each caption.
        images: how many there are, with captions or without.
        intervals: add 95 % bootstrap intervals (see ``embedding.evaluation.intervals``).
    """
    metrics: Metrics = {
        "text_to_image": _summary(of_texts),
        "image_to_text": _summary(of_images),
        "images": images,
        "captions": len(of_texts),
    }
    if intervals:
        metrics["intervals"] = bootstrap(of_texts, of_images, caption_to_image)
    return metrics


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


def quality(metrics: Metrics) -> float:
    """Return what "better" means: finding pictures for texts, near the top."""
    found = metrics["text_to_image"]
    return found["r1"] + found["r5"] + found["r10"]


def mean_and_deviation(folds: Sequence[Metrics]) -> tuple[Summary, Summary]:
    """Return the mean of each figure over folds, and its standard deviation (n - 1).

    Raises:
        DataError: there are fewer than two folds.
    """
    if len(folds) < 2:
        raise DataError(f"{len(folds)} folds have no standard deviation; at least 2 are needed")

    def over(statistic: Callable[[list[float]], float]) -> Summary:
        def of(direction: Literal["text_to_image", "image_to_text"]) -> Direction:
            each = [fold[direction] for fold in folds]
            return {
                "r1": round(statistic([d["r1"] for d in each]), 2),
                "r5": round(statistic([d["r5"] for d in each]), 2),
                "r10": round(statistic([d["r10"] for d in each]), 2),
                "median_rank": round(statistic([d["median_rank"] for d in each]), 2),
            }

        return {"text_to_image": of("text_to_image"), "image_to_text": of("image_to_text")}

    return over(mean), over(stdev)


def _summary(ranks: NDArray[np.int64]) -> Direction:
    def within(k: int) -> float:
        return round(100 * float((ranks <= k).mean()), 2)

    return {
        "r1": within(1),
        "r5": within(5),
        "r10": within(10),
        "median_rank": float(np.median(ranks)),
    }
