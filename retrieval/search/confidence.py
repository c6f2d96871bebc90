"""When an answer counts as fitting: a threshold on the best picture's cosine, one a bundle.

Rule "captions": up to 128 of the gallery's own captions and 128 nonsense texts of the same
lengths are searched for. Each text's score is that of its best picture. Of the thresholds that
tell the two kinds apart as well as possible, give or take 0.02 of balanced accuracy, the lowest
is taken: a model that was trained on these very captions scores them far above any request in
other words, and the threshold must let those pass too.

Rule "nonsense", the fallback, when there are fewer than 20 different captions or they score too
much like nonsense (balanced accuracy below 0.75: file names for captions, for instance): the 95th
percentile of the nonsense scores, so that one nonsense text in twenty passes.
"""

import random
import string
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from retrieval.store.protocol import Store
from retrieval.store.vectors import Vectors

__all__ = ["Confidence", "calibrate", "nonsense", "sample_captions", "separate"]

SAMPLE = 128
LEAST_CAPTIONS = 20
LEAST_ACCURACY = 0.75
TOLERANCE = 0.02


class Confidence(BaseModel):
    """The threshold and where it comes from.

    Attributes:
        threshold: least cosine of the best picture to a text that it fits.
        rule: "captions" or "nonsense", as above.
        accuracy: balanced accuracy in telling captions from nonsense; None without captions.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float
    rule: Literal["captions", "nonsense"]
    accuracy: float | None = None


def calibrate(
    encode: Callable[[Sequence[str]], Vectors], store: Store, captions: Sequence[str]
) -> Confidence:
    """Return the threshold for a gallery; the same input gives the same threshold.

    Args:
        encode: texts -> normalised vectors (n, dimension).
        store: the gallery.
        captions: all captions of the gallery; duplicates and blanks are left out.
    """
    chosen = sample_captions(captions)
    lengths = [len(caption.split()) for caption in chosen] or [1, 2, 3, 4, 5]
    noise = _best_scores(encode(nonsense(SAMPLE, lengths)), store)
    accuracy = None
    if len(chosen) >= LEAST_CAPTIONS:
        threshold, accuracy = separate(_best_scores(encode(chosen), store), noise)
        if accuracy >= LEAST_ACCURACY:
            return Confidence(threshold=threshold, rule="captions", accuracy=accuracy)
    return Confidence(threshold=float(np.quantile(noise, 0.95)), rule="nonsense", accuracy=accuracy)


def sample_captions(captions: Sequence[str]) -> list[str]:
    """Return up to `SAMPLE` different captions; the same input gives the same ones."""
    distinct = sorted({caption.strip() for caption in captions} - {""})
    return random.Random(0).sample(distinct, min(SAMPLE, len(distinct)))  # noqa: S311 - a sample


def separate(
    fitting: npt.NDArray[np.floating], noise: npt.NDArray[np.floating]
) -> tuple[float, float]:
    """Return the lowest threshold that tells scores (n,) from noise (m,) about as well as any.

    Returns:
        The threshold, half-way between two scores, and its balanced accuracy: the mean of the
        shares of scores at or above it and of noise below it.
    """
    scores = np.unique(np.concatenate([fitting, noise]).astype(np.float64))
    places = np.concatenate([scores[:1] - 1e-6, (scores[1:] + scores[:-1]) / 2])
    accepted = 1 - np.searchsorted(np.sort(fitting), places) / len(fitting)
    refused = np.searchsorted(np.sort(noise), places) / len(noise)
    balanced = (accepted + refused) / 2
    first = int(np.argmax(balanced >= balanced.max() - TOLERANCE))
    return float(places[first]), float(balanced[first])


def nonsense(count: int, lengths: Sequence[int]) -> list[str]:
    """Return made-up texts of so many words each (the lengths in turn); always the same ones."""
    rng = random.Random(0)  # noqa: S311 - made-up words, no secrets

    def word() -> str:
        return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 7)))

    return [" ".join(word() for _ in range(lengths[i % len(lengths)])) for i in range(count)]


def _best_scores(vectors: Vectors, store: Store) -> npt.NDArray[np.float64]:
    return np.array([store.search(vector, 1)[1][0] for vector in vectors], np.float64)
