"""Several rankings of the same things made one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.store.order import best_first

__all__ = ["Rankings", "fuse"]

_NOISE = 1e-12
"""Far below the difference that one rank makes, and above that of adding up in another order."""

CONSTANT = 60
"""Cormack, Clarke and Büttcher (2009): how slowly the worth of a rank falls."""


# Of the ranking by meaning; that by looks has 1. docs/experiments.md has the comparison.
_MEANING_WEIGHT = 1.0


@dataclass(frozen=True)
class Rankings:
    """What the parts of a search found, best first.

    Attributes:
        looks: rows by their vectors.
        words: rows by the words of their captions.
        meaning: rows by what their captions mean.
        coverage: for the rows of `words`, the share of the request that their captions hold.
    """

    looks: list[int]
    words: list[int]
    meaning: list[int]
    coverage: dict[int, float]

    def fused(self) -> list[int]:
        """Return all rows, best first."""
        # A caption with half of what was asked for counts a quarter.
        weights = {row: share**2 for row, share in self.coverage.items()}
        found = fuse([self.looks, self.words, self.meaning], [1.0, weights, _MEANING_WEIGHT])
        return [row for row, _ in found]


def fuse(
    rankings: Sequence[Sequence[int]],
    weights: Sequence[float | Mapping[int, float]],
    constant: int = CONSTANT,
) -> list[tuple[int, float]]:
    """Fuse rankings by weighted reciprocal ranks: an item's score is the sum of weight/(c + rank).

    Args:
        rankings: each best first, each item once; one may be empty.
        weights: one for each ranking, or one for each of its items.
        constant: c above.

    Returns:
        (item, score), best first; equal scores in the order of the first ranking that has them.
    """
    items = np.concatenate([np.asarray(ranking, np.int64) for ranking in rankings])
    worths = [
        np.asarray(
            [weight[item] for item in ranking] if isinstance(weight, Mapping) else weight,
            np.float64,
        )
        / (constant + np.arange(1, len(ranking) + 1))
        for ranking, weight in zip(rankings, weights, strict=True)
    ]
    distinct, first, places = np.unique(items, return_index=True, return_inverse=True)
    scores: npt.NDArray[np.float64] = np.zeros(len(distinct))
    np.add.at(scores, places, np.concatenate(worths))
    as_given = np.argsort(first)
    order = as_given[best_first(scores[as_given], noise=_NOISE)]
    return list(zip(distinct[order].tolist(), scores[order].tolist(), strict=True))
