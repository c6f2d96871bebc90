"""How a phrase looks: the direction in which pictures show more of it.

Typical requests tell it best (query_bank.py). Where they do not know a phrase, a few wordings of it
are encoded.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from retrieval.search.general_words import comprised
from retrieval.search.query_bank import TypicalRequests
from retrieval.store.vectors import Vectors
from retrieval.store.words import exclusion_phrase, valid_text

__all__ = ["Phrases", "mean_direction", "wordings"]

_WORDINGS = ("{}", "a photo of {}", "there are {} in the picture")


def wordings(phrase: str) -> tuple[str, ...]:
    """Return the texts whose mean is how a phrase looks, where no requests tell."""
    return tuple(wording.format(phrase) for wording in _WORDINGS)


def mean_direction(vectors: Sequence[Vectors] | Vectors) -> Vectors:
    """Return the unit vector (dimension,) between some."""
    mean = np.mean(vectors, axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-6), np.float32)


class Phrases:
    """Knows how phrases look, or what must be encoded for that.

    Args:
        requests: typical ones; None where there are none.
    """

    def __init__(self, requests: TypicalRequests | None) -> None:
        self._requests = requests

    def to_encode(self, phrase: str) -> tuple[str, ...]:
        """Return the texts that must be encoded before `direction` can tell; none if it can."""
        if self._known(phrase) is not None or not exclusion_phrase(phrase):
            return ()
        return wordings(valid_text(phrase))

    def direction(self, phrase: str, encoded: Mapping[str, Vectors]) -> Vectors | None:
        """Return the unit vector (dimension,) along which a phrase shows; None if it has no words.

        Args:
            phrase: a word or a few.
            encoded: what `to_encode` asked for.
        """
        texts = self.to_encode(phrase)
        return mean_direction([encoded[text] for text in texts]) if texts else self._known(phrase)

    def with_kinds(self, phrase: str, encoded: Mapping[str, Vectors]) -> Vectors | None:
        """Return `direction`, or for a general word the one between it and its kinds.

        The word "people" tells little of how people look; the mean of man, woman, child, player and
        the others does. As many kinds count as requests know.
        """
        found = (self.direction(phrase, encoded), *map(self._known, comprised(phrase)))
        known = [direction for direction in found if direction is not None]
        return mean_direction(known) if known else None

    def _known(self, phrase: str) -> Vectors | None:
        return None if self._requests is None else self._requests.direction(phrase)
