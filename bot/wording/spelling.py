"""Typing errors in command words: "udno that" is "undo that".

Only a word that the encoder's vocabulary does not know is taken for an error, and only a command
word for what was meant: content is left as it was typed, the encoder copes with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from rapidfuzz.distance import OSA

_SHORTEST = 4


class Speller:
    """Corrects words.

    Args:
        targets: words that may have been meant.
        known: tells whether a word is spelled as meant; None corrects nothing.
    """

    def __init__(self, targets: Iterable[str], known: Callable[[str], bool] | None) -> None:
        self._targets = sorted(word for word in set(targets) if len(word) >= _SHORTEST - 1)
        self._spelled = set(self._targets)
        self._known = known
        self.correct = lru_cache(maxsize=4096)(self._correct)

    def _correct(self, word: str) -> str:
        """Return the one word that is a slip away from an unknown word, else the word itself."""
        if self._known is None or len(word) < _SHORTEST or not word.isalpha():
            return word
        if word in self._spelled or self._known(word):
            return word
        found = one_slip_away(word, self._targets)
        same_letters = [target for target in found if sorted(target) == sorted(word)]
        return (same_letters or found or [word])[0]


def one_slip_away(word: str, targets: Iterable[str]) -> list[str]:
    """Return the targets that one missing, extra, wrong or swapped letter after the first makes."""
    return [
        target
        for target in targets
        if word[:1] == target[:1] and OSA.distance(word, target, score_cutoff=1) <= 1
    ]
