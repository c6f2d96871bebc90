"""Several rankings of the same things made one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

__all__ = ["fuse"]

CONSTANT = 60
"""Cormack, Clarke and Büttcher (2009): how slowly the worth of a rank falls."""


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
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, item in enumerate(ranking, start=1):
            own = weight[item] if isinstance(weight, Mapping) else weight
            scores[item] += own / (constant + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])
