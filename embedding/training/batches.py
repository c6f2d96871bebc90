"""What a training step sees: images, captions of them, and how each image is looked at.

All of it follows from the seed, the fold, the epoch and the step, and from nothing that happened
before, so an interrupted run and one with other processes see the same.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from embedding.data.folds import Indices
from embedding.data.pairs import Pairs
from embedding.training.augment import draw_views
from embedding.training.config import TrainConfig

__all__ = ["Batch", "batches", "captions_of", "split", "steps_of"]


@dataclass(frozen=True, eq=False)
class Batch:
    """The images of a step, each with one or more of its captions.

    Attributes:
        images: (n,) distinct images.
        captions: (m,) captions, grouped by image.
        owners: (m,) for each caption the position of its image in ``images``.
        views: (n, 5) crops, for an image tower that is trained.
        looks: (n,) random numbers in [0, 1): which of the cached views is taken.
        seed: of dropout.
        start: the position of the first caption in the whole batch.
    """

    images: Indices
    captions: Indices
    owners: Indices
    views: NDArray[np.float64]
    looks: NDArray[np.float64]
    seed: int
    start: int = 0

    @property
    def image_ids(self) -> Indices:
        """(m,) the image of each caption."""
        return self.images[self.owners]

    def part(self, start: int, stop: int) -> "Batch":
        """Return some of the images with their captions."""
        own = (self.owners >= start) & (self.owners < stop)
        return Batch(
            self.images[start:stop],
            self.captions[own],
            self.owners[own] - start,
            self.views[start:stop],
            self.looks[start:stop],
            self.seed,
            self.start + int((self.owners < start).sum()),
        )


def batches(
    own_captions: Sequence[Indices], config: TrainConfig, fold: int, epoch: int, first: int = 0
) -> Iterator[Batch]:
    """Yield all images once, in random order, in batches as equal as possible.

    Args:
        own_captions: the captions of each image.
        config: ``batch_size`` counts captions; ``captions_per_image`` of each are drawn, or as
            many as it has.
        fold: number of the fold.
        epoch: number of the pass, from 0.
        first: the step of the pass to begin with.
    """
    order = np.random.default_rng((config.seed, fold, epoch)).permutation(len(own_captions))
    for step, images in enumerate(np.array_split(order, steps_of(len(order), config))):
        if step < first:
            continue
        random = np.random.default_rng((config.seed, fold, epoch, step + 1))
        chosen = [
            random.choice(own, min(config.captions_per_image, len(own)), replace=False)
            for own in (own_captions[i] for i in images)
        ]
        yield Batch(
            images,
            np.concatenate(chosen),
            np.repeat(np.arange(len(images)), [len(own) for own in chosen]),
            draw_views(len(images), random, mirrored=config.mirrored),
            random.random(len(images)),
            int(random.integers(2**31)),
        )


def steps_of(n_images: int, config: TrainConfig) -> int:
    """Return the number of batches in a pass over ``n_images``."""
    return math.ceil(n_images * config.captions_per_image / config.batch_size)


def split(batch: Batch, chunk: int) -> list[Batch]:
    """Return a batch in parts of about ``chunk`` captions; 0 means in one."""
    n = len(batch.images)
    parts = math.ceil(len(batch.captions) / chunk) if chunk else 1
    edges = np.linspace(0, n, min(parts, n) + 1).round().astype(int).tolist()
    return [batch.part(start, stop) for start, stop in pairwise(edges)]


def captions_of(pairs: Pairs) -> list[Indices]:
    """Return the caption indices of each image."""
    order = np.argsort(pairs.caption_to_image, kind="stable")
    counts = np.bincount(pairs.caption_to_image, minlength=len(pairs.image_ids))
    return np.split(order, np.cumsum(counts)[:-1])
