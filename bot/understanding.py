"""From what somebody wrote to an intent and its entities, learned from the project's nlu.yml.

The intent is a linear support vector machine over two views of the message: the text tower's own
sentence vector (meaning) and TF-IDF of words and letter groups (wording, and typing errors).
Whether a fragment begins or refines a search is not decided here but in conversation.py, which
knows the session.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from bot.filtering import FilterReader, Names, without
from bot.project import Example, RasaProject
from bot.spelling import Speller
from bot.tagging import learn_tagger, one_thread
from embedding.vocabulary import known_words

if TYPE_CHECKING:
    from retrieval.bundle import Bundle

logger = logging.getLogger(__name__)

Encode = Callable[[list[str]], npt.NDArray[np.float32]]
"""Texts -> one vector of length 1 for each, shape (n, any dimension)."""

# As Rasa writes it: /intent, perhaps @confidence, perhaps {"entity": value}.
_PAYLOAD = re.compile(r"/(?P<intent>\w+)(?:@[\d.]+)?(?P<entities>\{.*\})?\s*", re.DOTALL)
_WORDS = r"<s>|</s>|\w+(?:'\w+)*|[?!]"
_WORD = re.compile(r"[^\W\d_]+")
_SEARCH, _REFINE = "search_images", "refine_search"
# Intents that may carry filters beside what they are about.
_WITH_FILTERS = {_SEARCH, _REFINE, "exclude_from_search", "similar_to_image", "unlike_image"}
_SENTENCE_WEIGHT = 2.0
_LONG_TEXT = 15
# Makes probabilities of margins: the least log loss on messages left out of the training.
_SHARPNESS = 4.0
# Typing errors are mended towards words that so many examples have.
_COMMON = 5


@dataclass(frozen=True)
class Understanding:
    """What a message means."""

    text: str
    intent: str
    confidence: float
    entities: list[dict[str, Any]] = field(default_factory=list)
    intent_ranking: list[dict[str, Any]] = field(default_factory=list)

    def to_rasa(self) -> dict[str, Any]:
        """Return the body of Rasa's POST /model/parse."""
        return {
            "text": self.text,
            "intent": {"name": self.intent, "confidence": self.confidence},
            "entities": self.entities,
            "intent_ranking": self.intent_ranking,
        }


class IntentClassifier:
    """Text -> probabilities of the intents.

    Args:
        encode: The text tower's sentence encoder.
        known: Tells whether a word is spelled as meant; None takes every word as it is.
    """

    def __init__(self, encode: Encode, known: Callable[[str], bool] | None = None) -> None:
        self._encode = encode
        self._known = known
        self._speller = Speller((), None)
        self._words = TfidfVectorizer(
            ngram_range=(1, 3), token_pattern=_WORDS, min_df=2, sublinear_tf=True
        )
        self._letters = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 4), min_df=2, sublinear_tf=True
        )
        self._classifier = LinearSVC(C=0.4, class_weight="balanced", tol=1e-3, random_state=0)

    def fit(
        self, texts: Sequence[str], intents: Sequence[str], encode: Encode | None = None
    ) -> None:
        """Learn from texts and their intents; `encode` may know the texts' vectors already."""
        texts = [_clean(text) for text in texts]
        counts = Counter(word for text in texts for word in set(_WORD.findall(text)))
        common = [word for word, count in counts.items() if count >= _COMMON]
        self._speller = Speller(common, self._known)
        self._words.fit(_bounded(texts))
        self._letters.fit(texts)
        features = self._features(texts, encode or self._encode)
        with one_thread():
            self._classifier.fit(features, intents)

    def rank(self, texts: Sequence[str]) -> list[list[tuple[str, float]]]:
        """Return for each text all intents with their probabilities, likeliest first."""
        meant = [self.correct(_clean(text)) for text in texts]
        margins = self._classifier.decision_function(self._features(meant, self._encode))
        probabilities = softmax(_SHARPNESS * margins, axis=1)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        names = [str(name) for name in self._classifier.classes_]
        return [
            [(names[column], float(row[column])) for column in columns]
            for row, columns in zip(probabilities, order, strict=True)
        ]

    def correct(self, text: str) -> str:
        """Return a text with the typing errors in its common words mended."""
        return _WORD.sub(lambda match: self._speller.correct(match[0]), text)

    def _features(self, texts: list[str], encode: Encode) -> Any:
        sentences = np.asarray(encode(texts)) * _SENTENCE_WEIGHT
        return sparse.hstack(
            [
                sparse.csr_array(sentences.astype(np.float64)),
                self._words.transform(_bounded(texts)),
                self._letters.transform(texts),
                sparse.csr_array(np.array([_shape(text) for text in texts])),
            ],
            format="csr",
        )


class Interpreter:
    """Understands messages.

    Args:
        project: Its examples and synonyms are what is learned.
        encode: The text tower's sentence encoder.
        encode_examples: Used on the examples instead, all at once; it may remember their vectors.
        known: Tells whether a word is spelled as meant; None takes every word as it is.
        filters: Reads dates, folders and tags; by default such as a gallery with none has.
    """

    def __init__(
        self,
        project: RasaProject,
        encode: Encode,
        encode_examples: Encode | None = None,
        known: Callable[[str], bool] | None = None,
        filters: FilterReader | None = None,
    ) -> None:
        self._encode = encode
        self._filters = filters or FilterReader(project.language)
        self._intents = set(project.intents)
        self._classifier = IntentClassifier(encode, known)
        self._classifier.fit(*texts_and_intents(project.examples), encode_examples)
        self._tagger = learn_tagger(project)

    def parse(self, text: str) -> Understanding:
        """Return the meaning of a message, or of a payload such as /more_images."""
        payload = self._payload(text)
        if payload is not None:
            return payload
        filters = self._filters.read(text)
        rest = without(text, filters)
        if filters and not _WORD.search(rest):
            only = [{"name": _REFINE, "confidence": 1.0}]
            return Understanding(text, _REFINE, 1.0, filters, only)
        ranking = self._classifier.rank([rest])[0]
        intent, confidence = ranking[0]
        if filters and intent not in _WITH_FILTERS:  # "more from 2023" narrows down, too
            intent = _REFINE
        entities = self._tagger.tag(rest, intent, self._classifier.correct)
        if filters and not entities and intent == _SEARCH:
            intent = _REFINE
        return Understanding(
            text=text,
            intent=intent,
            confidence=confidence,
            entities=sorted([*entities, *filters], key=lambda entity: int(entity["start"])),
            intent_ranking=[{"name": name, "confidence": share} for name, share in ranking],
        )

    def similarity(self, text: str, others: Sequence[str]) -> float:
        """Return how close in meaning a text is to the closest of the others: a cosine."""
        if not text or not others:
            return 0.0
        vector, *vectors = self._encode([text, *others])
        return float(max(np.dot(vector, other) for other in vectors))

    def _payload(self, text: str) -> Understanding | None:
        match = _PAYLOAD.fullmatch(text)
        if not match or match["intent"] not in self._intents:
            return None
        try:
            values = json.loads(match["entities"] or "{}")
        except (json.JSONDecodeError, RecursionError):
            values = {}  # as Rasa does: the intent counts
        intent = match["intent"]
        entities = [
            {"entity": name, "start": 0, "end": len(text), "value": value, "extractor": "Payload"}
            for name, value in values.items()
        ]
        return Understanding(text, intent, 1.0, entities, [{"name": intent, "confidence": 1.0}])


def texts_and_intents(examples: Sequence[Example]) -> tuple[list[str], list[str]]:
    """Return what `IntentClassifier.fit` takes."""
    return [example.text for example in examples], [example.intent for example in examples]


def build_interpreter(
    project: RasaProject, bundle: Bundle, cache_dir: Path | None = None
) -> Interpreter:
    """Return an interpreter that shares the text tower with the bundle's search.

    Args:
        project: What is learned.
        bundle: Its text tower encodes.
        cache_dir: Where the examples' vectors are kept; encoding them takes some seconds, and a
            server that starts again, or loads a bundle with the same model, need not do it twice.
    """
    encode: Encode = bundle.model.encode_sentences
    vocabulary = known_words(bundle.model)
    known = vocabulary.__contains__ if vocabulary else None
    facets = bundle.gallery.facets()
    filters = FilterReader(project.language, Names(facets.folders, facets.years, facets.tags))
    if cache_dir is None:
        return Interpreter(project, encode, known=known, filters=filters)
    texts, _ = texts_and_intents(project.examples)
    digest = hashlib.sha256("\0".join([bundle.model.fingerprint, *texts]).encode()).hexdigest()
    keep = _read_or_make(cache_dir / f"nlu-{digest[:24]}.npy", encode)
    return Interpreter(project, encode, keep, known, filters)


def _read_or_make(path: Path, encode: Encode) -> Encode:
    """Return `encode` for the one list of texts whose vectors are kept at `path`."""

    def read_or_encode(texts: list[str]) -> npt.NDArray[np.float32]:
        try:
            kept: npt.NDArray[np.float32] = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):  # not there yet, or damaged
            pass
        else:
            if len(kept) == len(texts):
                return kept
        vectors = encode(texts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npy", delete=False) as file:
                np.save(file, vectors)
            Path(file.name).replace(path)
        except OSError as error:
            logger.warning("the vectors of the examples cannot be kept: %s", error)
        return vectors

    return read_or_encode


def _clean(text: str) -> str:
    return " ".join(text.lower().replace("\u2019", "'").split())


def _shape(text: str) -> list[float]:
    """Return how long a text is: fragments refine, whole captions are requests."""
    words = len(text.split())
    return [min(words, _LONG_TEXT) / _LONG_TEXT, words == 1, words <= 2, words >= _LONG_TEXT // 2]


def _bounded(texts: Sequence[str]) -> list[str]:
    """Mark begin and end, so that "no ..." and "... no" differ."""
    return [f"<s> {text} </s>" for text in texts]
