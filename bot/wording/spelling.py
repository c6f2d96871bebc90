"""Typing errors: in command words ("udno that") and in what is looked for ("a gril").

Only a word that the encoder's vocabulary does not know is taken for an error. A command word can
have been meant where a command is expected, a word of the gallery where content is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from rapidfuzz.distance import OSA

from retrieval.store.words import FUNCTION_WORDS, singular

_SHORTEST = 4
# Two slips are one word still where it is this long.
_LONG = 7
# A long word that nobody knows was meant as one that the gallery has so many times as often.
_DWARFED = 50
_TWICE = re.compile(r"(.)\1")
# Letters that sound like others: "elefant", "foto".
_SOUNDS = (("ph", "f"), ("ck", "k"), ("qu", "kw"))
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")


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


def _differing(word: str, target: str) -> int:
    """Return how many letters one of two words has that the other lacks, whatever their order.

    Of two slips one swaps letters: else "juggling" would be "jogging".
    """
    mine, theirs = Counter(word), Counter(target)
    return (mine - theirs).total() + (theirs - mine).total()


def _letters(word: str) -> list[str]:
    """Return what a word keeps where letters are swapped, or written once that stand twice."""
    return sorted(_TWICE.sub(r"\1", word))


def _as_heard(word: str) -> str:
    """Return a word with the simpler of letters that sound alike."""
    for letters, sound in _SOUNDS:
        word = word.replace(letters, sound)
    return word


def one_slip_away(word: str, targets: Iterable[str]) -> list[str]:
    """Return the targets that one missing, extra, wrong or swapped letter after the first makes."""
    return [
        target
        for target in targets
        if word[:1] == target[:1] and OSA.distance(word, target, score_cutoff=1) <= 1
    ]


class ContentSpeller:
    """Corrects words of what is looked for.

    Args:
        vocabulary: words of the gallery, lower-cased, and how often they occur.
        known: tells whether a word is spelled as meant.
    """

    def __init__(self, vocabulary: Mapping[str, int], known: Callable[[str], bool]) -> None:
        self._vocabulary, self._known = vocabulary, known
        # And "something", which names nothing, but would be called missing as "somthing".
        long = {word for word in FUNCTION_WORDS if len(word) >= _LONG and word.isalpha()}
        content = vocabulary.keys() - FUNCTION_WORDS
        self._targets = {word: _as_heard(word) for word in content | long}
        self._meant = lru_cache(maxsize=4096)(self._find)

    def correct(self, text: str) -> str:
        """Return a text with the words in the place of which others were meant mended."""
        return _WORD.sub(lambda match: self._meant(match[0]), text)

    def _find(self, word: str) -> str:
        lower = word.lower()
        forms = (lower, singular(lower))
        occurs = max(self._vocabulary.get(form, 0) for form in forms)
        if len(word) < _SHORTEST or any(map(self._known, forms)) or (occurs and len(word) < _LONG):
            return word
        most = 2 if len(word) >= _LONG else 1
        heard = _as_heard(lower)
        slips = {
            target: distance
            for target, sound in self._targets.items()
            if sound[:1] == heard[:1] and abs(len(sound) - len(heard)) <= most
            # Captions have typing errors too.
            if not occurs or self._vocabulary.get(target, 0) >= occurs * _DWARFED
            if (distance := OSA.distance(heard, sound, score_cutoff=most)) <= most
            if distance < 2 or _differing(heard, sound) < 2
        }

        def likelihood(target: str) -> tuple[int, bool, bool, int, str]:
            sound = self._targets[target]
            slipped = _letters(sound) != _letters(heard)
            is_wrong = slipped and len(sound) <= len(heard)  # a letter is missing more often
            return slips[target], slipped, is_wrong, -self._vocabulary.get(target, 0), target

        return min(slips, key=likelihood, default=word)
