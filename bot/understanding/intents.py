"""Which intent a message has, learned from the examples of nlu.yml.

A least-squares support vector machine over two views of the message: the encoder's sentence vector
(meaning; a radial kernel, since no line parses "I lost my keys" from "I lost my job") and TF-IDF of
words and letter groups (wording, and typing errors; a linear kernel).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from bot.understanding.features import Sparse, softmax, times, to_matrix
from bot.understanding.reading import SEARCH
from bot.wording.spelling import Speller
from bot.wording.tfidf import TfIdf, letter_groups, word_groups

Arrays = Mapping[str, npt.NDArray[Any]]
"""What was learned, by name: what a file keeps."""

Encode = Callable[[Sequence[str]], npt.NDArray[np.float32]]
"""Texts -> one vector of length 1 for each, shape (n, any dimension)."""

Floats = npt.NDArray[np.float32]

_WORD = re.compile(r"[^\W\d_]+")
_LONG_TEXT = 15
# Weights in the kernel, as factors of the vectors; the radial part has weight 1.
_WORDING = 0.5**0.5
_SHAPE = 0.3**0.5
# How fast the radial kernel falls with the cosine's distance from 1.
_WIDTH = 2.0
# How much an example may be contradicted by those around it.
_RIDGE = 0.03
# Makes probabilities of margins: the least log loss on messages left out of the training.
_SHARPNESS = 5.0
# Typing errors are mended towards words that so many examples have.
_COMMON = 5
# Rows of the kernel made at a time: what they need beside it stays small.
_ROWS = 500


class IntentClassifier:
    """Text -> probabilities of the intents.

    Args:
        encode: sentences -> their vectors.
        known: tells whether a word is spelled as meant; None takes every word as it is.
    """

    def __init__(self, encode: Encode, known: Callable[[str], bool] | None = None) -> None:
        self._encode = encode
        self._known = known
        self._speller = Speller((), None)
        self._words = TfIdf(word_groups, (), np.zeros(0))
        self._letters = TfIdf(letter_groups, (), np.zeros(0))
        self._names: list[str] = []
        self._sentences: Floats = np.zeros((0, 0), np.float32)
        self._radial: Floats = np.zeros((0, 0), np.float32)
        self._linear: Floats = np.zeros((0, 0), np.float32)
        self._unrelated: npt.NDArray[np.float64] = np.array([0.0, 1.0])

    def fit(
        self,
        texts: Sequence[str],
        intents: Sequence[str],
        kept: Arrays | None = None,
    ) -> None:
        """Learn from texts and their intents.

        Args:
            texts: what people say.
            intents: what they mean by it.
            kept: what `arrays` returned for the same texts, intents and encoder; only how texts
                are spelled is then worked out anew.
        """
        texts = [clean(text) for text in texts]
        counts = Counter(word for text in texts for word in set(_WORD.findall(text)))
        common = [word for word, count in counts.items() if count >= _COMMON]
        self._speller = Speller(common, self._known)
        if kept is None:
            self._words = TfIdf.fit(word_groups, texts)
            self._letters = TfIdf.fit(letter_groups, texts)
            self._solve(texts, intents)
            self._unrelated = self._measure_unrelated(intents)
        else:
            self._words = TfIdf(word_groups, _unpack(kept["words"]), kept["word_rarity"])
            self._letters = TfIdf(letter_groups, _unpack(kept["letters"]), kept["letter_rarity"])
            self._names = [str(name) for name in kept["names"]]
            self._sentences, self._radial = kept["sentences"], kept["radial"]
            self._linear, self._unrelated = kept["linear"], kept["unrelated"]

    def arrays(self) -> Arrays:
        """Return what was learned.

        Names (k,), sentences (n, d), radial (n, k), linear (m, k); the terms of words and letters,
        packed, and their rarities, m together but for the shape of a text; how close unrelated
        texts are (mean, deviation).
        """
        return {
            "words": _pack(self._words.terms),
            "word_rarity": self._words.rarity,
            "letters": _pack(self._letters.terms),
            "letter_rarity": self._letters.rarity,
            "names": np.array(self._names),
            "sentences": self._sentences,
            "radial": self._radial,
            "linear": self._linear,
            "unrelated": self._unrelated,
        }

    def _solve(self, texts: Sequence[str], intents: Sequence[str]) -> None:
        """Solve the kernel's equations, in place and in float32.

        scikit-learn's KernelRidge gives the same, but needs the kernel four times, once in
        float64: 700 MB for the English examples, where this needs 120.
        """
        # Lazily: only who learns needs it.
        from scipy.linalg import cho_factor, cho_solve

        self._sentences = np.asarray(self._encode(list(texts)), np.float32)
        wording = to_matrix([self._weigh(text) for text in texts], self._width)
        self._names, meant, sizes = _count(intents)
        targets = np.where(meant[:, None] == np.arange(len(self._names)), 1.0, -1.0)
        # Rare intents count as much as common ones.
        ridge = _RIDGE * sizes[meant] * len(self._names) / len(texts)
        with threadpool_limits(1, user_api="blas"):  # its threads would only wait for each other
            kernel = np.empty((len(texts), len(texts)), np.float32)
            for start in range(0, len(texts), _ROWS):
                # Only what is right of the diagonal is read.
                rows, columns = slice(start, start + _ROWS), slice(start, None)
                block = _radial(self._sentences[rows], self._sentences[columns])
                block += (wording[rows] @ wording[columns].T).toarray()
                kernel[rows, columns] = block
            kernel[np.diag_indices_from(kernel)] += ridge.astype(np.float32)
            factor = cho_factor(kernel, overwrite_a=True, check_finite=False)
            self._radial = cho_solve(factor, targets.astype(np.float32), check_finite=False)
        # What is linear needs no examples any more.
        self._linear = wording.T @ self._radial

    def rank(self, texts: Sequence[str]) -> list[list[tuple[str, float]]]:
        """Return for each text all intents with their probabilities, likeliest first."""
        meant = [self.meant(text) for text in texts]
        sentences = np.asarray(self._encode(meant), np.float32)
        wording = np.stack([times(self._weigh(text), self._linear) for text in meant])
        margins = _radial(sentences, self._sentences) @ self._radial + wording
        probabilities = softmax(_SHARPNESS * margins)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        return [
            [(self._names[column], float(row[column])) for column in columns]
            for row, columns in zip(probabilities, order, strict=True)
        ]

    def closeness(self, text: str, others: Sequence[str]) -> float:
        """Return how close in meaning a text is to the closest of others.

        In standard deviations of the cosines of unrelated texts above their mean, so that it says
        the same with every encoder.
        """
        if not text or not others:
            return 0.0
        meant = [self.meant(one) for one in (text, *others)]
        vector, *vectors = (self._encode([one])[0] for one in meant)
        mean, deviation = self._unrelated
        return float((max(float(vector @ other) for other in vectors) - mean) / deviation)

    def meant(self, text: str) -> str:
        """Return a text as it is encoded: cleaned, with typing errors in common words mended."""
        return self.correct(clean(text))

    def correct(self, text: str) -> str:
        """Return a text with the typing errors in its common words mended."""
        return _WORD.sub(lambda match: self._speller.correct(match[0]), text)

    def _measure_unrelated(self, intents: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return mean and standard deviation of the cosines of examples of different pictures."""
        sentences = self._sentences[[intent == SEARCH for intent in intents]]
        cosines = (sentences @ sentences.T)[np.triu_indices(len(sentences), 1)]
        if not len(cosines):
            return np.array([0.0, 1.0])
        return np.array([cosines.mean(), max(float(cosines.std()), 1e-6)])

    @property
    def _width(self) -> int:
        return len(self._words.terms) + len(self._letters.terms) + len(_shape(""))

    def _weigh(self, text: str) -> Sparse:
        """Return wording and shape of a text; products of such rows are the linear kernel."""
        words, word_weights = self._words.weigh(text)
        letters, letter_weights = self._letters.weigh(text)
        shape = np.array(_shape(text), np.float64)
        behind = len(self._words.terms)
        last = behind + len(self._letters.terms)
        places = np.concatenate([words, behind + letters, last + np.arange(len(shape))])
        weights = (word_weights * _WORDING, letter_weights * _WORDING, shape * _SHAPE)
        return places, np.concatenate(weights).astype(np.float32)


def _radial(texts: Floats, others: Floats) -> Floats:
    """Return how close unit vectors (n, d) are to others (m, d): 1 is the same, shape (n, m)."""
    kernel: Floats = np.exp(_WIDTH * (texts @ others.T - 1))
    return kernel


def _count(intents: Sequence[str]) -> tuple[list[str], npt.NDArray[Any], npt.NDArray[Any]]:
    """Return the names, for each example the number of its name, and how often each occurs."""
    names, numbers, counts = np.unique(np.array(intents), return_inverse=True, return_counts=True)
    return [str(name) for name in names], numbers, counts


def clean(text: str) -> str:
    """Return a text as it is compared: lower-cased, with plain apostrophes and single blanks."""
    return " ".join(text.lower().replace("\u2019", "'").split())


def _shape(text: str) -> list[float]:
    """Return how long a text is: fragments refine, whole captions are requests."""
    words = len(text.split())
    return [min(words, _LONG_TEXT) / _LONG_TEXT, words == 1, words <= 2, words >= _LONG_TEXT // 2]


def _pack(terms: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return terms, which have no line ends, one after the other: as wide as each of them is."""
    return np.frombuffer("\n".join(terms).encode(), np.uint8)


def _unpack(packed: npt.NDArray[Any]) -> list[str]:
    return packed.tobytes().decode().split("\n")
