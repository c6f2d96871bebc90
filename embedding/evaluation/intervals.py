"""How sure a recall is: bootstrap intervals over images."""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "Intervals", "RankIntervals", "bootstrap"]

Interval = tuple[float, float]
"""The 2.5th and the 97.5th percentile of the resampled figure."""

_CELLS = 4_000_000
"""Numbers held at a time, resamples times captions."""


class RankIntervals(TypedDict):
    """The interval of each figure of one direction, in the figure's own unit."""

    r1: Interval
    r5: Interval
    r10: Interval
    median_rank: Interval


class Intervals(TypedDict):
    """95 % bootstrap intervals of both directions, and how they were made."""

    text_to_image: RankIntervals
    image_to_text: RankIntervals
    resamples: int
    seed: int


def bootstrap(
    text_ranks: NDArray[np.int64],
    image_ranks: NDArray[np.int64],
    caption_to_image: NDArray[np.int64],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> Intervals:
    """Return 95 % percentile intervals of recall and median rank.

    Images are drawn with replacement, as many as there are, and each brings all its captions:
    the captions of one image are hard or easy together, so drawing captions one by one would
    make the intervals too narrow. Only the questions are resampled: each keeps the rank that it
    has in the whole gallery, since an image drawn twice into a gallery would tie with itself.
    Both directions share their resamples.

    An image drawn n times counts n times, so a resample is a row of weights, a recall is one
    matrix product, and a median is a place in the running sum of weights over sorted ranks.

    Args:
        text_ranks: (n_captions,) the rank of each caption's image, 1 the best.
        image_ranks: (m,) the rank of the best caption of each image that has any, in the order
            of their indices.
        caption_to_image: (n_captions,) the image of each caption.
        resamples: how many; 1,000 take under a second for 1,000 images with 5 captions each.
        seed: decides the draws.

    Source: Efron, Tibshirani (1993), "An introduction to the bootstrap", chapter 13.
    """
    with_captions, owners = np.unique(caption_to_image, return_inverse=True)
    n = len(with_captions)
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples)
    return {
        "text_to_image": _of(text_ranks, owners, draws),
        "image_to_text": _of(image_ranks, np.arange(n), draws),
        "resamples": resamples,
        "seed": seed,
    }


def _of(
    ranks: NDArray[np.int64], owners: NDArray[np.int64], draws: NDArray[np.int64]
) -> RankIntervals:
    """Return the intervals of questions whose images are drawn so many times."""
    n = draws.shape[1]
    asked = draws @ np.bincount(owners, minlength=n)

    def within(k: int) -> Interval:
        hits = np.bincount(owners[ranks <= k], minlength=n)
        return _interval(100 * (draws @ hits) / asked)

    return {
        "r1": within(1),
        "r5": within(5),
        "r10": within(10),
        "median_rank": _interval(_medians(ranks, owners, draws, asked)),
    }


def _medians(
    ranks: NDArray[np.int64],
    owners: NDArray[np.int64],
    draws: NDArray[np.int64],
    asked: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the median rank of each resample, the mean of the middle two where even."""
    order = np.argsort(ranks, kind="stable")
    ordered, columns = ranks[order], owners[order]
    found = np.empty(len(draws))
    step = max(1, _CELLS // len(ranks))
    for start in range(0, len(draws), step):
        rows = slice(start, start + step)
        running = draws[rows][:, columns].cumsum(axis=1)
        middles = [
            ordered[(running <= place[:, None]).sum(axis=1)]
            for place in ((asked[rows] - 1) // 2, asked[rows] // 2)
        ]
        found[rows] = (middles[0] + middles[1]) / 2
    return found


def _interval(values: NDArray[np.float64]) -> Interval:
    low, high = np.percentile(values, (2.5, 97.5))
    return round(float(low), 2), round(float(high), 2)
