"""What captions mean, and which of them fits best.

A caption that shares no word with a request can still say the same. So each picture that has
captions has a second vector in the space of the first: the normalised mean of its captions' text
vectors, as large as the picture's own, however many captions it has.
"""

import functools
from collections.abc import Callable, Collection, Sequence

import numpy as np

from retrieval.store.vectors import Vectors
from retrieval.store.words import stem, tokens

__all__ = ["best_caption", "mean_captions", "stems_in", "words_in"]


def mean_captions(
    captions: Sequence[Sequence[str]], encode: Callable[[Sequence[str]], Vectors]
) -> Vectors:
    """Return unit vectors (n, dimension) of n pictures' captions, at least one each.

    Args:
        captions: of each picture.
        encode: texts -> unit vectors (m, dimension).
    """
    found = encode([text for texts in captions for text in texts])
    starts = np.cumsum([0, *(len(texts) for texts in captions[:-1])])
    sums = np.add.reduceat(found, starts, axis=0)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    # Captions that cancel out say nothing together: then the first one speaks for all.
    means = np.where(lengths > 1e-6, sums / np.maximum(lengths, 1e-6), found[starts])
    unit: Vectors = means.astype(np.float32)
    return unit


def words_in(words: Collection[str], captions: Sequence[str]) -> tuple[str, ...]:
    """Return those of the words that the captions hold, stemmed alike."""
    said = stems_in(tuple(captions))
    return tuple(word for word in words if stem(word) in said)


@functools.lru_cache(maxsize=8_192)
def stems_in(captions: tuple[str, ...]) -> frozenset[str]:
    """Return the stems of all that captions say; those of the same pictures come up often."""
    return frozenset(map(stem, set(tokens(" ".join(captions)))))


def best_caption(words: Collection[str], captions: Sequence[str]) -> str:
    """Return the caption that holds most of the words, the first of equals; "" if there is none."""
    wanted = {stem(word) for word in words}
    return max(captions, key=lambda text: len(wanted & stems_in((text,))), default="")
