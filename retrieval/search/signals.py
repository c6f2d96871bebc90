"""What the signals of a query amount to, each a vector, and why a picture was chosen by them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from retrieval.store.vectors import Vectors

__all__ = ["Signals", "combine_texts", "compose", "explain"]

# How strongly each signal pulls (+) or pushes (-), before normalisation. Feedback as Rocchio
# (1971) has it; that of a dislike was chosen on Flickr8k's train images, where a like was best
# between 0.4 and 1. An uploaded picture weighs as much as the words beside it.
IMAGE_WEIGHT = 1.0
LIKED_WEIGHT = 0.75
DISLIKED_WEIGHT = 0.35


@dataclass(frozen=True)
class Signals:
    """A query's vectors: what it amounts to, the same without feedback, and its texts alone."""

    query: Vectors | None
    without_feedback: Vectors | None
    texts: Vectors | None


def combine_texts(vectors: Vectors) -> Vectors:
    """Return one vector for a search and its refinements.

    Averaging the texts' vectors keeps gaining with every turn, where encoding the joined text
    stops after three: Recall@10 after 1-5 captions of 64/72/77/78/79 against 64/72/73/75/76
    (Flickr8k dev, 1,000 pictures).

    Args:
        vectors: (n, dimension), n at least 1, each normalised, oldest first.

    Returns:
        (dimension,), normalised.
    """
    return _normalize(np.asarray(vectors.mean(axis=0)))


def compose(
    texts: Vectors,
    image: Vectors | None,
    liked: Vectors,
    disliked: Vectors,
    picture_weight: float = 1.0,
) -> Vectors | None:
    """Return the one vector that a query's signals amount to.

    All vectors are normalised and share one dimension; those of texts come from the text tower,
    the others from the image tower. What is excluded is no part of it: taking a vector away leads
    somewhere else instead of leaving something out (see vision.py).

    Args:
        texts: (n, dimension), of the search and its refinements.
        image: (dimension,), of the uploaded picture, or None.
        liked: (n, dimension), of the liked pictures.
        disliked: (n, dimension), of the disliked pictures.
        picture_weight: how much a picture counts beside a text with this model (see cosines.py).

    Returns:
        (dimension,), normalised, or None when there is no signal, or signals cancel out.
    """
    parts: list[Vectors] = []
    if len(texts):
        parts.append(combine_texts(texts))
    if image is not None:
        parts.append(np.float32(picture_weight * IMAGE_WEIGHT) * image)
    for vectors, weight in ((liked, LIKED_WEIGHT), (disliked, -DISLIKED_WEIGHT)):
        if len(vectors):
            parts.append(np.float32(picture_weight * weight) * vectors.mean(axis=0))
    if not parts:
        return None
    total = np.asarray(np.sum(parts, axis=0), np.float32)
    return _normalize(total) if np.linalg.norm(total) > 1e-6 else None


def _normalize(vector: Vectors) -> Vectors:
    """Return the vector at length 1; one of length 0 (opposite texts) stays 0."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)


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
