"""When an answer counts as fitting, measured in each gallery.

Ordinary requests for things that a gallery lacks (ordinary_things.txt, less what its captions name)
have nearest pictures too. How near those are is what "nothing here fits" means with this model, in
this gallery. So no number here is a cosine: a fit counts in standard deviations above what is
usual of absent things. Judging is in judging.py.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from retrieval.search.known_words import (
    Known,
    known_to_captions,
    known_to_requests,
    naming_words,
    unknown_words,
)
from retrieval.search.query_bank import TypicalRequests
from retrieval.store.protocol import Store
from retrieval.store.vectors import Vectors

__all__ = [
    "Confidence",
    "calibrate",
    "nearness_of",
    "ordinary_things",
    "sample_captions",
    "score",
    "separate",
]

SAMPLE = 128
LEAST_CAPTIONS = 20
LEAST_ABSENT = 20
LEAST_ACCURACY = 0.75

# So much of what is absent scores below the threshold. A word that captions do not hold is seldom
# there; one that typical requests do not hold often is, and is refused less readily. Chosen on the
# development half of benchmarks/honesty.py.
BY_CAPTIONS = 0.95
BY_LOOKS = 0.82

_NEAREST = 5
"""The nearest so many pictures are looked at: a single one may be near by chance."""


class Confidence(BaseModel):
    """What the manifest keeps.

    Attributes:
        mean: of the cosines of absent things to their nearest pictures.
        deviation: standard deviation of the same.
        by_looks: least score of a request with words that neither captions nor typical requests
            hold.
        by_captions: least score of a request with words that captions do not hold; None where
            they tell nothing.
        accuracy: balanced accuracy in telling captions from absent things by their nearest
            pictures; None where there are too few captions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: float
    deviation: float = Field(gt=0)
    by_looks: float
    by_captions: float | None = None
    accuracy: float | None = None

    def fit(self, nearness: float) -> float:
        """Return how much better than something absent a text fits, given its `nearness_of`."""
        return (nearness - self.mean) / self.deviation


def nearness_of(vector: Vectors, store: Store) -> float:
    """Return the mean cosine of a unit vector (dimension,) to its nearest pictures."""
    return float(store.search(vector, _NEAREST)[1].mean())


def ordinary_things() -> list[str]:
    """Return ordinary requests, most of them for things that a gallery lacks."""
    text = files("retrieval.search").joinpath("ordinary_things.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def calibrate(
    encode: Callable[[Sequence[str]], Vectors],
    store: Store,
    requests: TypicalRequests | None,
    captions: Vectors,
) -> Confidence:
    """Return the measures of a gallery; the same input gives the same ones.

    Args:
        encode: texts -> normalised vectors (n, dimension).
        store: the gallery.
        requests: typical ones; None where there are none.
        captions: (m, dimension), of a sample of its captions; none where there are too few.
    """
    by_captions, by_looks = known_to_captions(store), known_to_requests(requests)
    absent = _absent(by_captions if store.captioned else by_looks)
    words = [word for text in absent for word in naming_words(text)]
    texts = list(dict.fromkeys([*absent, *words]))
    vectors = dict(zip(texts, encode(texts), strict=True))
    near = {text: nearness_of(vector, store) for text, vector in vectors.items()}
    usual = np.array([near[text] for text in absent])
    mean, deviation = float(usual.mean()), max(float(usual.std()), 1e-6)
    fits = {text: (value - mean) / deviation for text, value in near.items()}

    def threshold(known: Known, quantile: float) -> float:
        unknown = {text: unknown_words(text, known) for text in absent}
        scores = [score(text, found, fits) for text, found in unknown.items() if found]
        return float(np.quantile(scores, quantile)) if scores else 0.0

    accuracy = None
    if len(captions):
        accuracy = separate(np.array([nearness_of(one, store) for one in captions]), usual)[1]
    captions_tell = accuracy is not None and accuracy >= LEAST_ACCURACY
    return Confidence(
        mean=mean,
        deviation=deviation,
        by_looks=threshold(by_looks, BY_LOOKS),
        by_captions=threshold(by_captions, BY_CAPTIONS) if captions_tell else None,
        accuracy=accuracy,
    )


def score(text: str, unknown: Sequence[str], fits: Mapping[str, float]) -> float:
    """Return how well a text with unknown words fits.

    "canine" lies near to pictures and "giraffe" does not, whatever else a request names.

    Args:
        text: a request.
        unknown: at least one word of it.
        fits: of the text and of those words.
    """
    return fits[text] + min(fits[word] for word in unknown)


def sample_captions(captions: Sequence[str]) -> list[str]:
    """Return up to `SAMPLE` different captions, always the same ones; none if there are too few."""
    distinct = sorted({caption.strip() for caption in captions} - {""})
    if len(distinct) < LEAST_CAPTIONS:
        return []
    return random.Random(0).sample(distinct, min(SAMPLE, len(distinct)))  # noqa: S311 - a sample


def separate(
    fitting: npt.NDArray[np.floating], noise: npt.NDArray[np.floating]
) -> tuple[float, float]:
    """Return the threshold that tells scores (n,) from noise (m,) best, the lowest of equals.

    Returns:
        The threshold, half-way between two scores, and its balanced accuracy: the mean of the
        shares of scores at or above it and of noise below it.
    """
    scores = np.unique(np.concatenate([fitting, noise]).astype(np.float64))
    places = np.concatenate([scores[:1] - 1e-6, (scores[1:] + scores[:-1]) / 2])
    accepted = 1 - np.searchsorted(np.sort(fitting), places) / len(fitting)
    refused = np.searchsorted(np.sort(noise), places) / len(noise)
    balanced = (accepted + refused) / 2
    best = int(np.argmax(balanced))
    return float(places[best]), float(balanced[best])


def _absent(known: Known) -> list[str]:
    """Return the ordinary things of which a word is not known; all, where those are too few."""
    things = ordinary_things()
    absent = [text for text in things if unknown_words(text, known)]
    return absent if len(absent) >= LEAST_ABSENT else things
