"""What a training step sees: images, captions of them, and how each image is looked at.

All of it follows from the seed, the fold, the epoch and the step, and from nothing that happened
before, so an interrupted run and one with other processes see the same.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from embedding.data.folds import Indices
from embedding.data.pairs import Pairs
from embedding.training.augment import draw_views
from embedding.training.config import TrainConfig

__all__ = ["Batch", "Mix", "batches", "captions_of", "split", "steps_of"]


@dataclass(frozen=True, eq=False)
class Mix:
    """Who is mixed with whom.

    Attributes:
        chosen: (n,) images, or captions.
        partners: (n,) another one for each.
        shares: (n,) how much is left of the first, in [0, 1]; 1 means no mixing.

    Source: Zhang, Cisse, Dauphin, Lopez-Paz (2018), "mixup: beyond empirical risk minimization".
    """

    chosen: Indices
    partners: Indices
    shares: NDArray[np.float64]

    def of(self, rows_of: Callable[[Indices], Tensor]) -> Tensor:
        """Return (n, ...) the numbers of the chosen, each mixed with its partner's.

        Args:
            rows_of: indices (n,) -> (n, ...) floating-point numbers.
        """
        own = rows_of(self.chosen)
        if (self.shares == 1).all():
            return own
        shares = own.new_tensor(self.shares).view(-1, *[1] * (own.ndim - 1))
        return shares * own + (1 - shares) * rows_of(self.partners)

    def part(self, which: Any) -> "Mix":
        """Return some of them."""
        return Mix(self.chosen[which], self.partners[which], self.shares[which])

    @classmethod
    def drawn(
        cls, chosen: Indices, among: Indices, random: np.random.Generator, mixup: float
    ) -> "Mix":
        """Return random partners and shares.

        Args:
            chosen: what is mixed.
            among: what with.
            random: decides it.
            mixup: parameter of the shares' Beta distribution; 0 means no mixing.
        """
        n = len(chosen)
        if not mixup:
            return cls(chosen, chosen, np.ones(n))
        return cls(chosen, random.choice(among, n), random.beta(mixup, mixup, n))


@dataclass(frozen=True, eq=False)
class Batch:
    """The images of a step, each with one or more of its captions.

    Attributes:
        images: (n,) distinct images.
        captions: (m,) captions, grouped by image.
        owners: (m,) for each caption the position of its image in ``images``.
        views: (n, 5) crops, for an image tower that is trained.
        looks: (n,) random numbers in [0, 1): which of the cached views is taken.
        image_mix: the images, each with another one.
        caption_mix: the captions, each with another one.
        seed: of dropout.
        start: the position of the first caption in the whole batch.
    """

    images: Indices
    captions: Indices
    owners: Indices
    views: NDArray[np.float64]
    looks: NDArray[np.float64]
    image_mix: Mix
    caption_mix: Mix
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
            self.image_mix.part(slice(start, stop)),
            self.caption_mix.part(own),
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
        n, captions = len(images), np.concatenate(chosen)
        yield Batch(
            images,
            captions,
            np.repeat(np.arange(n), [len(own) for own in chosen]),
            draw_views(n, random, mirrored=config.mirrored),
            random.random(n),
            # The seed is drawn before them, so that what is not mixed is trained as it ever was.
            seed=int(random.integers(2**31)),
            image_mix=Mix.drawn(images, order, random, config.mixup),
            caption_mix=Mix.drawn(captions, captions, random, config.mixup),
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
