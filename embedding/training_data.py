"""What training works on: pairs, their division, and each picture's features."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding.config import TrainConfig
from embedding.data import Pairs, Skipped, load_pairs
from embedding.errors import DataError, TrainingError
from embedding.features import extract_features
from embedding.folds import Indices, folds
from embedding.model import JointEmbedding
from embedding.progress import Progress
from embedding.towers import Tower, feature_tower, image_tower

__all__ = ["TrainingData", "batches", "captions_of", "gather"]


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Everything a training loop reads.

    Attributes:
        pairs: all images that could be read and have captions.
        parts: (train, dev) image indices, one pair a fold.
        views: (views, n_images, width) image features.
        image: the image tower that made them; its head is not used.
        skipped: what was left out, and why.
    """

    pairs: Pairs
    parts: list[tuple[Indices, Indices]]
    views: NDArray[np.float32]
    image: Tower
    skipped: list[Skipped]


def gather(
    data: Pairs | str, config: TrainConfig, *, cache_dir: Path | None, progress: Progress
) -> TrainingData:
    """Load, divide and look at the data.

    Raises:
        DataError: the data cannot be used.
        TrainingError: there are no captions, or too few images for the division.
    """
    pairs, parts = _divide(data, config, progress)
    if pairs.features is not None:
        image = feature_tower(pairs.features.shape[1], config.dimension)
        return TrainingData(pairs, parts, pairs.features[None], image, pairs.skipped)
    image = image_tower(config.image_tower, config.dimension, hidden=0, dropout=0.0)
    # Looking at pictures needs no text side.
    eyes = JointEmbedding.from_towers(
        feature_tower(1, config.dimension), image, name=config.image_tower
    )
    found = extract_features(
        eyes, pairs, mirrored=config.mirrored, cache_dir=cache_dir, progress=progress
    )
    skipped = [*pairs.skipped, *found.skipped]
    if len(found.kept) < len(pairs.image_ids):
        place = {int(old): new for new, old in enumerate(found.kept)}
        pairs = pairs.subset(found.kept)
        parts = [(_moved(learned, place), _moved(held, place)) for learned, held in parts]
    if not all(len(learned) and len(held) for learned, held in parts):
        raise TrainingError(f"{pairs.name}: too few pictures can be read to divide them")
    return TrainingData(pairs, parts, found.vectors, image, skipped)


def _moved(indices: Indices, place: dict[int, int]) -> Indices:
    return np.array([place[int(i)] for i in indices if int(i) in place], dtype=np.int64)


def _divide(
    data: Pairs | str, config: TrainConfig, progress: Progress
) -> tuple[Pairs, list[tuple[Indices, Indices]]]:
    """Return the data and the (train, dev) image indices of each fold, or of the one run."""
    if config.folds or config.train_on == "all" or isinstance(data, Pairs):
        pairs = data if isinstance(data, Pairs) else _load(data, None, config, progress)
        pairs = _with_captions(pairs)
        n = len(pairs.image_ids)
        everything = np.arange(n)
        if config.folds:
            return pairs, list(folds(n, config.folds, seed=config.seed))
        if config.train_on == "all":
            return pairs, [(everything, everything)]
        dev = np.sort(np.random.default_rng(config.seed).permutation(n)[: max(1, n // 10)])
        return pairs, [(np.setdiff1d(everything, dev), dev)]
    learned = _with_captions(_load(data, "train", config, progress))
    held_out = _with_captions(_load(data, "dev", config, progress))
    pairs = _join(learned, held_out)
    border = len(learned.image_ids)
    return pairs, [(np.arange(border), np.arange(border, len(pairs.image_ids)))]


def _load(spec: str, split: str | None, config: TrainConfig, progress: Progress) -> Pairs:
    try:
        # With folds the official train split alone is divided; the others are left for judging.
        split = "train" if config.folds and spec.startswith(("flickr", "karpathy")) else split
        return load_pairs(spec, split, progress=progress)
    except DataError as error:
        if split == "dev":
            raise TrainingError(f'{error}; set train_on = "all" to learn every picture') from error
        raise


def _join(first: Pairs, second: Pairs) -> Pairs:
    n = len(first.image_ids)
    return Pairs(
        name=first.name,
        image_ids=[*first.image_ids, *second.image_ids],
        captions=[*first.captions, *second.captions],
        caption_to_image=np.concatenate([first.caption_to_image, second.caption_to_image + n]),
        image_paths=(
            None
            if first.image_paths is None or second.image_paths is None
            else [*first.image_paths, *second.image_paths]
        ),
        features=(
            None
            if first.features is None or second.features is None
            else np.concatenate([first.features, second.features])
        ),
        skipped=first.skipped,
        attribution=first.attribution,
    )


def _with_captions(pairs: Pairs) -> Pairs:
    named = np.unique(pairs.caption_to_image)
    if not len(named):
        raise TrainingError(f"{pairs.name} has no captions to learn from; add captions.csv")
    return pairs if len(named) == len(pairs.image_ids) else pairs.subset(named)


def batches(n: int, size: int, random: np.random.Generator) -> Iterator[Indices]:
    """Yield all of ``n`` images once, in random order, in batches as equal as possible."""
    yield from np.array_split(random.permutation(n), math.ceil(n / size))


def captions_of(pairs: Pairs) -> list[Indices]:
    """Return the caption indices of each image."""
    order = np.argsort(pairs.caption_to_image, kind="stable")
    counts = np.bincount(pairs.caption_to_image, minlength=len(pairs.image_ids))
    return np.split(order, np.cumsum(counts)[:-1])
