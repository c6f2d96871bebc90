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
        rows, cosines = self._store.search(vector, k, scope)
        scores = cosines - self._corrections(vector, rows, unwanted, seen)
        ranked: list[int] = rows[best_first(scores, rows)].tolist()
        return ranked

    def traits(self, directions: Iterable[Vectors], *, general: bool = False) -> list[Trait]:
        """Return what the gallery tells about directions (dimension,) of things, general or not."""
        return [Trait.measured(one, self._sample @ one, general=general) for one in directions]

    def spread(self, vector: Vectors) -> float:
        """Return the standard deviation of a vector's cosines to the gallery's pictures."""
        return float((self._sample @ vector).std()) if len(self._sample) else 0.0

    def _corrections(
        self, vector: Vectors, rows: Ids, unwanted: Sequence[Trait], seen: Sequence[int]
    ) -> npt.NDArray[np.float32]:
        total = np.zeros(len(rows), np.float32)
        if self._requests is not None:
            total += NEARNESS_WEIGHT * self._requests.nearness[rows]
        if seen or unwanted:
            spread = self.spread(vector)
            total += SEEN_STEP * spread * np.isin(rows, seen)
            if unwanted:
                vectors = self._store.vectors(rows)
                pushes = [trait.push(vectors) for trait in unwanted]
                total += UNWANTED_STEP * spread * np.sum(pushes, axis=0)
        return total
