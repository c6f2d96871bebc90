"""What a map is worth on captions that it did not see: recall before and after, with intervals."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding.adaptation.text_map import TextMap, learn_map
from embedding.data.folds import folds
from embedding.evaluation.intervals import Interval
from embedding.model.vectors import Vectors
from embedding.progress import Progress, silent

__all__ = ["CUTS", "Figure", "Gain", "Lessons", "Nearness", "measure_gain"]

CUTS = (1, 5, 10)
FOLDS = 5
_MOST_ASKED = 2_000
"""Held-out captions that are searched for, in all folds together."""
_RESAMPLES = 1_000

Nearness = Callable[[TextMap | None, Vectors], NDArray[np.float32]]
"""A map, or None for the model as it is, and the captions that it was learned from -> what is
taken off the score of each picture (m,)."""


@dataclass(frozen=True, eq=False)
class Lessons:
    """What there is to learn from.

    Attributes:
        texts: (n, dimension) unit vectors of captions.
        owners: (n,) the picture of each, as its place in `pictures`.
        pictures: (m, dimension) unit vectors of the gallery.
    """

    texts: Vectors
    owners: NDArray[np.int64]
    pictures: Vectors


@dataclass(frozen=True)
class Figure:
    """A figure in percent and its 95 % bootstrap interval, over pictures."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Gain:
    """Recall of captions held out in turn, by the search of the whole gallery.

    Attributes:
        before: recall@1, 5 and 10 of the model as it is.
        after: the same with a map that did not see them.
        difference: the same less the first, in points.
        total: the sum of the three differences.
        captions: how many were searched for.
        pictures: in the gallery.
    """

    before: tuple[Figure, ...]
    after: tuple[Figure, ...]
    difference: tuple[Figure, ...]
    total: Figure
    captions: int
    pictures: int

    @property
    def is_real(self) -> bool:
        """Whether it is above 0 with all of its interval."""
        return self.total.interval[0] > 0


def measure_gain(lessons: Lessons, nearness: Nearness, progress: Progress = silent) -> Gain:
    """Return what is gained by learning, by five folds; all captions of a picture lie in one.

    Args:
        lessons: of at least as many pictures with captions as there are folds.
        nearness: what the search takes off each picture's score.
        progress: told about the folds.

    Raises:
        DataError: too few pictures have captions.
    """
    before_off = nearness(None, lessons.texts[:0])
    asked: list[NDArray[np.int64]] = []
    ranks: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for done, (learned, held_out) in enumerate(_folds(lessons), start=1):
        text_map = learn_map(lessons.texts[learned], lessons.owners[learned], lessons.pictures)
        after_off = nearness(text_map, lessons.texts[learned])
        texts, owners = lessons.texts[held_out], lessons.owners[held_out]
        before = _ranks(texts, owners, lessons.pictures, before_off)
        after = _ranks(text_map.apply(texts), owners, lessons.pictures, after_off)
        asked.append(owners)
        ranks.append((before, after))
        progress(done, FOLDS, "learning with a fifth held out")
    before, after = (np.concatenate(side) for side in zip(*ranks, strict=True))
    return _gain(before, after, np.concatenate(asked), len(lessons.pictures))


def _folds(lessons: Lessons) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the captions to learn from, and those to ask with, of each fold."""
    captioned, place = np.unique(lessons.owners, return_inverse=True)
    step = -(-len(place) // _MOST_ASKED)
    for learned, held_out in folds(len(captioned), FOLDS):
        rows = np.flatnonzero(np.isin(place, held_out))
        yield np.flatnonzero(np.isin(place, learned)), rows[::step]


def _ranks(
    texts: Vectors, owners: NDArray[np.int64], pictures: Vectors, off: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Return the rank of each text's picture (n,), 1 the best, ties counted against it."""
    scores = texts @ pictures.T - off
    own = np.take_along_axis(scores, owners[:, None], axis=1)
    ranks: NDArray[np.int64] = (scores >= own).sum(axis=1)
    return ranks


def _gain(
    before: NDArray[np.int64], after: NDArray[np.int64], owners: NDArray[np.int64], pictures: int
) -> Gain:
    """Return the figures of two rankings of the same captions; they share their resamples."""
    _, place = np.unique(owners, return_inverse=True)
    n = int(place.max()) + 1
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    drawn = draws @ np.bincount(place, minlength=n)

    def figure(points: NDArray[np.float64]) -> Figure:
        resampled = 100 * (draws @ np.bincount(place, points, minlength=n)) / drawn
        low, high = np.percentile(resampled, (2.5, 97.5))
        value = 100 * float(points.mean())
        return Figure(round(value, 1), (round(float(low), 1), round(float(high), 1)))

    hits = [[(ranks <= k).astype(float) for k in CUTS] for ranks in (before, after)]
    differences = [late - early for early, late in zip(*hits, strict=True)]
    return Gain(
        before=tuple(map(figure, hits[0])),
        after=tuple(map(figure, hits[1])),
        difference=tuple(map(figure, differences)),
        total=figure(np.sum(differences, axis=0)),
        captions=len(before),
        pictures=pictures,
    )
