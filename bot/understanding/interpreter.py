"""From what somebody wrote to an intent and its entities, learned from the project's nlu.yml.

intents.py tells the intent, tagging.py the entities. Whether a fragment begins or refines a search
is not decided here but in conversation.py, which knows the session.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bot.understanding.entities import learn_tagger
from bot.understanding.filters import NO_NAMES, FilterReader, Names, without
from bot.understanding.intents import Encode, IntentClassifier
from bot.understanding.rasa_project import Example, RasaProject
from bot.understanding.text import spell_out_emoji

if TYPE_CHECKING:
    from embedding.model.encoder import SentenceEncoder

logger = logging.getLogger(__name__)

# As Rasa writes it: /intent, perhaps @confidence, perhaps {"entity": value}.
_PAYLOAD = re.compile(r"/(?P<intent>\w+)(?:@[\d.]+)?(?P<entities>\{.*\})?\s*", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
_SEARCH, _REFINE = "search_images", "refine_search"
# Intents that may carry filters beside what they are about.
_WITH_FILTERS = {_SEARCH, _REFINE, "exclude_from_search", "similar_to_image", "unlike_image"}


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


class Interpreter:
    """Understands messages.

    Args:
        project: Its examples and synonyms are what is learned.
        encode: Sentences -> their vectors.
        encode_examples: Used on the examples instead, all at once; it may remember their vectors.
        known: Tells whether a word is spelled as meant; None takes every word as it is.
    """

    def __init__(
        self,
        project: RasaProject,
        encode: Encode,
        encode_examples: Encode | None = None,
        known: Callable[[str], bool] | None = None,
    ) -> None:
        self._encode = encode
        self._filters = FilterReader(project.language)
        self._intents = set(project.intents)
        self._classifier = IntentClassifier(encode, known)
        self._classifier.fit(*texts_and_intents(project.examples), encode_examples)
        self._tagger = learn_tagger(project)

    def parse(self, text: str, names: Names = NO_NAMES) -> Understanding:
        """Return the meaning of a message, or of a payload such as /more_images.

        Args:
            text: What was said.
            names: What filters can name in the gallery.
        """
        payload = self._payload(text)
        if payload is not None:
            return payload
        spelled = spell_out_emoji(text)
        if spelled:
            meant = self.parse(spelled, names)
            entities = [{**entity, "start": 0, "end": len(text)} for entity in meant.entities]
            return replace(meant, text=text, entities=entities)
        filters = self._filters.read(text, names)
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
    project: RasaProject, encoder: SentenceEncoder, cache_dir: Path | None = None
) -> Interpreter:
    """Return an interpreter; no gallery plays a part in it.

    Args:
        project: What is learned.
        encoder: Turns sentences into vectors.
        cache_dir: Where the examples' vectors are kept; encoding them takes some seconds, and a
            server that starts again need not do it twice.
    """
    encode: Encode = encoder.encode_sentences
    known = encoder.known_words.__contains__ if encoder.known_words else None
    if cache_dir is None:
        return Interpreter(project, encode, known=known)
    texts, _ = texts_and_intents(project.examples)
    digest = hashlib.sha256("\0".join([encoder.fingerprint, *texts]).encode()).hexdigest()
    keep = _read_or_make(cache_dir / f"nlu-{digest[:24]}.npy", encode)
    return Interpreter(project, encode, keep, known)


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
