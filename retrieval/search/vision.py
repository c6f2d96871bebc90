"""Ranking by looks: the nearest vectors, then what a single vector cannot say.

FAISS finds the candidates by cosine. Their scores are then corrected: by how near each picture is
to any request, by what must not be seen, and by what was seen already. All corrections are in
units of the model's own cosines, so that they hold for any model.
"""

import functools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.search.query_bank import TypicalRequests
from retrieval.store.faiss_index import Ids, VectorIndex, Vectors

__all__ = ["Looks", "Unwanted", "nearest"]

# Chosen on Flickr8k; docs/experiments.md has the comparisons. How much of the nearness to all
# requests is taken off; how far a seen picture steps back and how far each standard deviation of
# an unwanted thing pushes, in standard deviations of the request's own cosines. The last is for a
# thing that splits the gallery as evenly as a uniform spread would (bimodality 5/9, about 0.5).
NEARNESS_WEIGHT = 0.75
SEEN_STEP = 0.35
UNWANTED_STEP = 0.55
_USUAL_BIMODALITY = 0.5

_SAMPLE = 2_000
_WORDINGS = ("{}", "a photo of {}", "there are {} in the picture")


def nearest(
    index: VectorIndex,
    vector: Vectors,
    pool: int,
    among: Sequence[int] | None,
    barred: Collection[int],
) -> tuple[Ids, npt.NDArray[np.float32]]:
    """Return the rows nearest to a vector and their cosines, nearest first (see `VectorIndex`)."""
    return index.search(
        vector,
        pool,
        among=None if among is None else np.fromiter(among, np.int64),
        without=np.fromiter(barred, np.int64) if barred else None,
    )


@dataclass(frozen=True)
class Unwanted:
    """What must not be seen, as looks.

    Attributes:
        direction: (dimension,) along which it shows.
        mean: of the gallery's pictures along it.
        deviation: standard deviation of the same.
        bimodality: how clearly it splits the gallery into pictures with and without, in [0, 1]:
            Sarle's coefficient, (skewness² + 1) / kurtosis.
    """

    direction: Vectors
    mean: float
    deviation: float
    bimodality: float

    @classmethod
    def measured(cls, direction: Vectors, along: npt.NDArray[np.float32]) -> "Unwanted":
        """Return what (n,) pictures of the gallery tell about a direction (dimension,)."""
        deviation = max(float(along.std()), 1e-6) if len(along) else 1e-6
        mean = float(along.mean()) if len(along) else 0.0
        z = (along - mean) / deviation
        kurtosis = float((z**4).mean()) if len(along) else 0.0
        bimodality = (float((z**3).mean()) ** 2 + 1) / kurtosis if kurtosis else 0.0
        return cls(direction, mean, deviation, bimodality)

    def push(self, vectors: Vectors) -> npt.NDArray[np.float32]:
        """Return how far back each of the pictures (n, dimension) goes, in steps, (n,).

        A thing that is clearly there or not ("dogs") pushes further than one that shades off
        ("people"), of which the vectors say less.
        """
        return self.amount(vectors) * (self.bimodality / _USUAL_BIMODALITY) ** 2

    def amount(self, vectors: Vectors) -> npt.NDArray[np.float32]:
        """Return how much more than usual pictures (n, dimension) show it, at least 0, (n,)."""
        along = (vectors @ self.direction - self.mean) / self.deviation
        return np.asarray(np.maximum(along, 0.0), np.float32)


class Looks:
    """The gallery's pictures as vectors; safe to use from several threads.

    Args:
        index: by row.
        encode: text -> unit vector (dimension,).
        requests: typical ones; None where there are none.
    """

    def __init__(
        self,
        index: VectorIndex,
        encode: Callable[[str], Vectors],
        requests: TypicalRequests | None = None,
    ) -> None:
        self.index = index
        self._encode = encode
        self._requests = requests
        every = max(1, len(index) // _SAMPLE)
        self._sample = index.vectors(index.ids[::every][:_SAMPLE])
        self.unwanted = functools.lru_cache(maxsize=1024)(self._measure)

    def rank(
        self,
        vector: Vectors | None,
        pool: int,
        among: Sequence[int] | None,
        barred: Collection[int],
        *,
        unwanted: Sequence[str] = (),
        seen: Iterable[int] = (),
    ) -> list[int]:
        """Return the rows that fit best, best first.

        Args:
            vector: (dimension,), normalised; None ranks nothing.
            pool: how many at most.
            among: only these rows; None means all.
            barred: not these rows.
            unwanted: phrases for what must not be seen.
            seen: rows that step back.
        """
        if vector is None:
            return []
        ids, cosines = nearest(self.index, vector, pool, among, barred)
        scores = cosines - self._corrections(vector, ids, unwanted, seen)
        ranked: list[int] = ids[np.argsort(-scores, kind="stable")].tolist()
        return ranked

    def spread(self, vector: Vectors) -> float:
        """Return the standard deviation of a vector's cosines to the gallery's pictures."""
        return float((self._sample @ vector).std()) if len(self._sample) else 0.0

    def relative(self, rows: Sequence[int], phrases: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return how much more than usual pictures show things, (rows, phrases), at least 0."""
        vectors = self.index.vectors(np.asarray(rows, np.int64))
        found = [self.unwanted(phrase).amount(vectors) for phrase in phrases]
        return np.stack(found, axis=1) if found else np.zeros((len(rows), 0), np.float32)

    def _corrections(
        self, vector: Vectors, ids: Ids, unwanted: Sequence[str], seen: Iterable[int]
    ) -> npt.NDArray[np.float32]:
        total = np.zeros(len(ids), np.float32)
        if self._requests is not None:
            total += NEARNESS_WEIGHT * self._requests.nearness[ids]
        seen = list(seen)
        if seen or unwanted:
            spread = self.spread(vector)
            total += SEEN_STEP * spread * np.isin(ids, seen)
            phrases = [phrase for phrase in unwanted if phrase.strip()]
            if phrases:
                vectors = self.index.vectors(ids)
                pushes = [self.unwanted(phrase).push(vectors) for phrase in phrases]
                total += UNWANTED_STEP * spread * np.sum(pushes, axis=0)
        return total

    def _measure(self, phrase: str) -> Unwanted:
        direction = self._requests.direction(phrase) if self._requests is not None else None
        if direction is None:
            mean = np.mean([self._encode(wording.format(phrase)) for wording in _WORDINGS], axis=0)
            direction = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)
        return Unwanted.measured(direction, self._sample @ direction)
