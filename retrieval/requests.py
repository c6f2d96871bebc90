"""What people ask for: typical requests, and what they tell about pictures and about words.

Some pictures lie near to every request and crowd out the right ones. How near a picture is to the
typical requests that are nearest to it is known before anybody asks, and is taken off its score
(CSLS of Conneau et al., 2018; query bank normalisation of Bogolin et al., 2022). Typical requests
also show what a word looks like: the mean vector of those that hold "dog", less the mean of the
others, finds dogs better than the vector of "a dog" does (docs/experiments.md).

The requests are those that the model names in showtell.json ("requests": captions that it was
trained on). The captions of the gallery itself do not do: pictures of sweets lie near to what is
said of other sweets, and "something sweet to eat" must find them (docs/experiments.md).
"""

import random
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from retrieval.errors import RetrievalError
from retrieval.files import atomic_path
from retrieval.index import Vectors
from retrieval.words import exclusion_phrase, singular, tokens

__all__ = ["MOST_REQUESTS", "TypicalRequests", "choose_requests", "measure_requests"]

LEAST_REQUESTS = 200
MOST_REQUESTS = 2_500
NEAREST = 10
"""A picture is compared with so many of the requests that are nearest to it."""

LEAST_EXAMPLES = 3
"""So many requests must hold a phrase to show what it looks like."""

_ROWS = 4_096


class TypicalRequests:
    """Typical requests and how near each picture is to them.

    Args:
        texts: the requests.
        vectors: (n, dimension) of the requests, each normalised.
        nearness: (pictures,) of each row: the mean cosine to its nearest requests.
    """

    def __init__(
        self, texts: Sequence[str], vectors: Vectors, nearness: npt.NDArray[np.float32]
    ) -> None:
        self.texts = tuple(texts)
        self.vectors = vectors
        self.nearness = nearness
        self._words = [f" {' '.join(_stems(text))} " for text in texts]

    def direction(self, phrase: str) -> Vectors | None:
        """Return the unit vector (dimension,) along which a phrase shows; None if it is rare."""
        wanted = f" {' '.join(singular(word) for word in exclusion_phrase(phrase))} "
        holding = np.array([wanted in words for words in self._words])
        if not wanted.strip() or not LEAST_EXAMPLES <= holding.sum() < len(holding):
            return None
        difference = self.vectors[holding].mean(axis=0) - self.vectors[~holding].mean(axis=0)
        length = float(np.linalg.norm(difference))
        return np.asarray(difference / length, np.float32) if length > 1e-6 else None

    def save(self, path: Path) -> None:
        """Write them to one file, atomically."""
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                texts=np.array(self.texts),
                vectors=self.vectors.astype(np.float16),
                nearness=self.nearness,
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            RetrievalError: the file is missing or is no such file.
        """
        try:
            # NumPy leaves a damaged file open that it was to open itself.
            with path.open("rb") as file, zipfile.ZipFile(file) as parts:
                texts, vectors, nearness = (
                    np.lib.format.read_array(parts.open(f"{name}.npy"), allow_pickle=False)
                    for name in ("texts", "vectors", "nearness")
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise RetrievalError(f"{path.name} cannot be read ({error}); index again") from None
        return cls([str(text) for text in texts], vectors.astype(np.float32), nearness)


def choose_requests(known: Sequence[str]) -> list[str]:
    """Return the typical requests to use of those that a model names; none if there are too few."""
    distinct = sorted({text.strip() for text in known} - {""})
    if len(distinct) < LEAST_REQUESTS:
        return []
    chosen = random.Random(0)  # noqa: S311 - a sample
    return chosen.sample(distinct, min(MOST_REQUESTS, len(distinct)))


def measure_requests(
    texts: Sequence[str],
    encode: Callable[[Sequence[str]], Vectors],
    pictures: Vectors,
    captions: Sequence[Sequence[str]],
) -> TypicalRequests:
    """Return the requests with the nearness of all pictures.

    Args:
        texts: at least `NEAREST`.
        encode: texts -> unit vectors (n, dimension).
        pictures: (rows, dimension), each normalised.
        captions: of each row; a picture's own captions do not count as requests near to it.
    """
    # Rounded as they are kept, so that what is measured belongs to what is loaded.
    vectors = encode(texts).astype(np.float16).astype(np.float32)
    place = {text: i for i, text in enumerate(texts)}
    nearness = np.empty(len(pictures), np.float32)
    for start in range(0, len(pictures), _ROWS):
        cosines = pictures[start : start + _ROWS] @ vectors.T
        for i, own in enumerate(captions[start : start + _ROWS]):
            cosines[i, [place[text] for text in own if text in place]] = -1.0
        cosines.partition(cosines.shape[1] - NEAREST, axis=1)
        nearness[start : start + _ROWS] = cosines[:, -NEAREST:].mean(axis=1)
    return TypicalRequests(texts, vectors, nearness)


def _stems(text: str) -> list[str]:
    return [singular(word) for word in tokens(text)]
