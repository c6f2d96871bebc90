"""Ranking by looks: the nearest vectors, then what a single vector cannot say.

The store finds the candidates by cosine. Their scores are then corrected: by how near each picture
is to any request, by what must not be seen, and by what was seen already. All corrections are in
units of the model's own cosines, so that they hold for any model.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.search.query_bank import TypicalRequests
from retrieval.store.order import best_first
from retrieval.store.protocol import EVERYTHING, Scope, Store
from retrieval.store.vectors import Ids, Vectors

__all__ = ["Trait", "VisionRanking"]

# Chosen on Flickr8k; docs/experiments.md has the comparisons. How much of the nearness to all
# requests is taken off; how far a seen picture steps back and how far each standard deviation of
# an unwanted thing pushes, in standard deviations of the request's own cosines. The last is for a
# thing that splits the gallery as evenly as a uniform spread would (bimodality 5/9, about 0.5).
NEARNESS_WEIGHT = 0.75
SEEN_STEP = 0.35
UNWANTED_STEP = 0.55
# Where pictures alone ask: how much the captions of a picture count beside its looks. With 1 more
# is alike, but a copy of the picture that asks is not always first.
CAPTION_WEIGHT = 0.5
_USUAL_BIMODALITY = 0.5

_SAMPLE = 2_000


@dataclass(frozen=True)
class Trait:
    """Something that pictures show more or less of.

    Attributes:
        direction: (dimension,) along which it shows.
        mean: of the gallery's pictures along it.
        deviation: standard deviation of the same.
        bimodality: how clearly it splits the gallery into pictures with and without, in [0, 1]:
            Sarle's coefficient, (skewness² + 1) / kurtosis.
        general: whether it is many kinds of things in one, such as people.
    """

    direction: Vectors
    mean: float
    deviation: float
    bimodality: float
    general: bool = False

    @classmethod
    def measured(
        cls, direction: Vectors, along: npt.NDArray[np.float32], *, general: bool = False
    ) -> "Trait":
        """Return what (n,) pictures of the gallery tell about a direction (dimension,)."""
        deviation = max(float(along.std()), 1e-6) if len(along) else 1e-6
        mean = float(along.mean()) if len(along) else 0.0
        z = (along - mean) / deviation
        kurtosis = float((z**4).mean()) if len(along) else 0.0
        bimodality = (float((z**3).mean()) ** 2 + 1) / kurtosis if kurtosis else 0.0
        return cls(direction, mean, deviation, bimodality, general)

    def push(self, vectors: Vectors) -> npt.NDArray[np.float32]:
        """Return how far back each of the pictures (n, dimension) goes, in steps, (n,).

        A thing that is clearly there or not ("dogs") pushes further than one that shades off
        ("the beach"), of which the vectors say less. A picture that shows less than usual of one
        thing goes no further forward than others; but most pictures of a gallery may show people,
        so that of a general thing less is better all the way.
        """
        if self.general:
            return self.above_usual(vectors) * np.float32(self.bimodality / _USUAL_BIMODALITY)
        return self.amount(vectors) * (self.bimodality / _USUAL_BIMODALITY) ** 2

    def amount(self, vectors: Vectors) -> npt.NDArray[np.float32]:
        """Return how much more than usual pictures (n, dimension) show it, at least 0, (n,)."""
        return np.maximum(self.above_usual(vectors), 0.0)

    def above_usual(self, vectors: Vectors) -> npt.NDArray[np.float32]:
        """Return how many standard deviations more than usual pictures (n, dimension) show it."""
        return np.asarray((vectors @ self.direction - self.mean) / self.deviation, np.float32)


class VisionRanking:
    """Ranks a store's pictures by their vectors; safe to use from several threads.

    Args:
        store: the gallery.
        requests: typical ones; None where there are none.
    """

    def __init__(self, store: Store, requests: TypicalRequests | None = None) -> None:
        self._store = store
        self._requests = requests
        self._sample = store.vectors(store.sample(_SAMPLE))

    def rank(
        self,
        vector: Vectors | None,
        k: int,
        scope: Scope = EVERYTHING,
        *,
        unwanted: Sequence[Trait] = (),
        seen: Sequence[int] = (),
    ) -> list[int]:
        """Return the rows that fit best, best first.

        Args:
            vector: (dimension,), normalised; None ranks nothing.
            k: how many at most.
            scope: which rows may come.
            unwanted: what must not be seen.
            seen: rows that step back.
        """
        if vector is None:
            return []
        rows, scores = self._store.search(vector, k, scope)
        if self._requests is not None:
            scores = scores - NEARNESS_WEIGHT * self._requests.nearness[rows]
        return _ranked(rows, scores - self._steps_back(vector, rows, unwanted, seen))

    def rank_alike(
        self,
        vector: Vectors | None,
        k: int,
        scope: Scope = EVERYTHING,
        *,
        caption_weight: float = 0.0,
        unwanted: Sequence[Trait] = (),
        seen: Sequence[int] = (),
    ) -> list[int]:
        """Return the rows most like pictures that ask without a text, best first.

        Nothing is taken off for being near to any request: that is told of texts, and what many
        texts lie near to is not near to every picture.

        Args:
            vector: (dimension,), of the pictures, normalised; None ranks nothing.
            k: how many at most.
            scope: which rows may come.
            caption_weight: how much the cosine to a picture's captions counts beside that to it.
            unwanted: what must not be seen.
            seen: rows that step back.
        """
        if vector is None:
            return []
        rows, scores = self._store.search(vector, k, scope)
        if caption_weight:
            scores = scores + caption_weight * self._caption_cosines(vector, rows, k, scope)
        return _ranked(rows, scores - self._steps_back(vector, rows, unwanted, seen))

    def traits(self, directions: Iterable[Vectors], *, general: bool = False) -> list[Trait]:
        """Return what the gallery tells about directions (dimension,) of things, general or not."""
        return [Trait.measured(one, self._sample @ one, general=general) for one in directions]

    def spread(self, vector: Vectors) -> float:
        """Return the standard deviation of a vector's cosines to the gallery's pictures."""
        return float((self._sample @ vector).std()) if len(self._sample) else 0.0

    def _caption_cosines(
        self, vector: Vectors, rows: Ids, k: int, scope: Scope
    ) -> npt.NDArray[np.float32]:
        """Return a vector's cosines to the captions of rows, (n,).

        A picture whose captions are not among the `k` nearest, or that has none, counts as the last
        of those.
        """
        near, cosines = self._store.search(vector, k, scope, "captions")
        found = dict(zip(near.tolist(), cosines.tolist(), strict=True))
        last = min(found.values(), default=0.0)
        return np.array([found.get(row, last) for row in rows.tolist()], np.float32)

    def _steps_back(
        self, vector: Vectors, rows: Ids, unwanted: Sequence[Trait], seen: Sequence[int]
    ) -> npt.NDArray[np.float32]:
        total = np.zeros(len(rows), np.float32)
        if seen or unwanted:
            spread = self.spread(vector)
            total += SEEN_STEP * spread * np.isin(rows, seen)
            if unwanted:
                vectors = self._store.vectors(rows)
                pushes = [trait.push(vectors) for trait in unwanted]
                total += UNWANTED_STEP * spread * np.sum(pushes, axis=0)
        return total


def _ranked(rows: Ids, scores: npt.NDArray[np.float32]) -> list[int]:
    ranked: list[int] = rows[best_first(scores, rows)].tolist()
    return ranked
