"""Why a picture was chosen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from retrieval.store.vectors import Vectors

__all__ = ["Signals", "explain"]


@dataclass(frozen=True)
class Signals:
    """A query's vectors: what it amounts to, the same without feedback, and its texts alone."""

    query: Vectors | None
    without_feedback: Vectors | None
    texts: Vectors | None


def explain(
    rows: Sequence[int],
    vectors: Vectors,
    signals: Signals,
    looks_like: Collection[int],
    means: Collection[int],
    matched: dict[int, tuple[str, ...]],
) -> list[tuple[str, ...]]:
    """Return the reasons for each hit, as `Hit.reasons` has them.

    Args:
        rows: the hits.
        vectors: (n, dimension) of their looks.
        signals: the query's.
        looks_like: rows that are among the first by looks.
        means: rows that are among the first by what their captions mean.
        matched: the words of the request that captions of a row hold.
    """
    found: list[tuple[str, ...]] = []
    for row, vector in zip(rows, vectors, strict=True):
        reasons = [f"caption:{word}" for word in matched.get(row, ())]
        if signals.query is None:
            reasons = reasons or ["filter"]
        elif signals.without_feedback is None:
            reasons.append("feedback")
        else:
            gained = float(vector @ signals.query) > float(vector @ signals.without_feedback)
            if row in means and not reasons:
                reasons.append("caption")
            if row in looks_like or not reasons:
                reasons.insert(0, "visual")
            if gained and signals.query is not signals.without_feedback:
                reasons.append("feedback")
        found.append(tuple(reasons))
    return found
