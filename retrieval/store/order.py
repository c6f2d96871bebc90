"""The one way in which scores become an order."""

import numpy as np
import numpy.typing as npt

__all__ = ["NOISE", "best_first"]

NOISE = 1e-6
"""Cosines that differ by less than this are the same."""


def best_first(
    scores: npt.NDArray[np.floating],
    ties: npt.NDArray[np.integer] | None = None,
    noise: float = NOISE,
) -> npt.NDArray[np.int64]:
    """Return the places of scores (n,), highest first.

    A sum of products comes out a little otherwise when it is added up in another order: in a batch
    of another size, on more threads, on another processor. So scores that follow each other by
    less than that are one group, and their order is settled by what does not change with the
    arithmetic. Not by rounding: two equal scores could still fall on both sides of a step.

    Args:
        scores: (n,).
        ties: (n,) what settles the order within a group, least first; None keeps them as given.
        noise: the largest difference that says nothing.
    """
    order = np.argsort(-scores, kind="stable")
    group = np.zeros(len(order), np.int64)
    np.cumsum(-np.diff(scores[order]) >= noise, out=group[1:])
    settled = order if ties is None else ties[order]
    return order[np.lexsort((settled, group))]
