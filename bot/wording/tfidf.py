"""How telling the wording of a text is: TF-IDF of words in a row and of groups of letters.

As scikit-learn's TfidfVectorizer computes it with `min_df=2` and `sublinear_tf`. Written out here
because a text is weighed at every turn: its checks take longer than the work, and its import takes
most of a server's start.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

__all__ = ["TfIdf", "letter_groups", "word_groups"]

Groups = Callable[[str], Iterator[str]]
"""A text -> the groups that are counted in it."""

_LEAST_TEXTS = 2
"""So many texts must hold a group for it to be a term."""
_MOST_WORDS = 3
_LETTERS = range(2, 5)
_WORD = re.compile(r"<s>|</s>|\w+(?:'\w+)*|[?!]")


def word_groups(text: str) -> Iterator[str]:
    """Yield every one to three words in a row, the begin and the end of the text being words."""
    words = _WORD.findall(f"<s> {text.lower()} </s>")
    for length in range(1, _MOST_WORDS + 1):
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length])


def letter_groups(text: str) -> Iterator[str]:
    """Yield every two to four letters in a row within a word, with a blank on each side of it."""
    for word in text.lower().split():
        padded = f" {word} "
        for length in _LETTERS:
            # A word that is shorter counts once, whole.
            for start in range(max(len(padded) - length, 0) + 1):
                yield padded[start : start + length]
            if len(padded) <= length:
                break


class TfIdf:
    """Weighs texts.

    Args:
        groups: what is counted.
        terms: the groups that count, in order.
        rarity: (terms,) the inverse document frequency of each.

    Attributes:
        terms: as given.
        rarity: as given.
    """

    def __init__(
        self, groups: Groups, terms: Sequence[str], rarity: npt.NDArray[np.float64]
    ) -> None:
        self.terms = terms
        self.rarity = rarity
        self._groups = groups
        self._places = {term: place for place, term in enumerate(terms)}

    @classmethod
    def fit(cls, groups: Groups, texts: Sequence[str]) -> Self:
        """Return what the frequencies of groups in texts tell."""
        counts = Counter(group for text in texts for group in set(groups(text)))
        terms = sorted(term for term, count in counts.items() if count >= _LEAST_TEXTS)
        held = np.array([counts[term] for term in terms], np.float64)
        return cls(groups, terms, np.log((1 + len(texts)) / (1 + held)) + 1)

    def weigh(self, text: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
        """Return the places of the terms that a text has, and their weights, of length 1."""
        counts = Counter(
            place for group in self._groups(text) if (place := self._places.get(group)) is not None
        )
        places = np.fromiter(counts, np.int64, len(counts))
        often = np.fromiter((1 + math.log(count) for count in counts.values()), np.float64)
        weights = often * self.rarity[places]
        length = math.sqrt(weights @ weights)
        return places, weights / (length or 1.0)
