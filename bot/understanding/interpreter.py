"""From what somebody wrote to a reading: intents and spans, learned from the project's nlu.yml.

A message falls into pieces, which pieces.py reads: intents.py tells the intent, entities.py the
spans, clauses.py what is not wanted. filters.py finds dates, folders and tags. What the session
makes of a reading is decided in meaning.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bot.sessions.record import SessionRecord
from bot.understanding.cues import Cues
from bot.understanding.entities import Tagger
from bot.understanding.filters import NOTHING, FilterReader, without
from bot.understanding.intents import Arrays, Encode, IntentClassifier
from bot.understanding.meaning import Meaning, decide
from bot.understanding.pieces import OTHER, WISHES, PieceReader
from bot.understanding.rasa_project import RasaProject
from bot.understanding.reading import (
    OTHER_LANGUAGE,
    REFINE,
    SEARCH,
    Reading,
    Span,
    usable_spans,
)
from bot.wording.classes import Classes
from bot.wording.clauses import ClauseSplitter
from bot.wording.detection import LanguageDetector
from bot.wording.edits import Editor
from bot.wording.numbered import NumberedReader
from bot.wording.phrases import only
from bot.wording.questions import QuestionReader
from bot.wording.spelling import ContentSpeller, Speller
from bot.wording.text import spell_out_emoji
from retrieval.search.encoding import TextVectors
from retrieval.store.filters import Facets

__all__ = ["Interpreter"]

# As Rasa writes it: /intent, perhaps @confidence, perhaps {"entity": value}.
_PAYLOAD = re.compile(r"/(?P<intent>\w+)(?:@[\d.]+)?(?P<entities>\{.*\})?\s*", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
_LOWER = re.compile(r"\b[a-z]+\b")
# What is said beside something else, and never the main thing.
_BESIDE = {"greet", "thank", "goodbye", "help", "out_of_scope", "react_good", "react_unsure"}
_CONTENT = {"query", "excluded", "allowed", "dropped", "recalled"}
_NO_WORDS: Mapping[str, int] = {}
# "yes" or "hmm" before something else says nothing of its own.
_NOTHING = {OTHER, "react_unsure"}
_MOST_WORDS_OF_NOTHING = 2
# Said by many who then go on in the language that is spoken.
_OF_ANY_LANGUAGE = {"greet", "thank", "goodbye"}
# So many texts are not encoded again: those of the searches that run, and the latest messages.
_REMEMBERED_TEXTS = 2048
# A longer text, in characters, is encoded alone: a batch is padded to its longest.
_LONGEST_PLANNED = 200
_FOUND_BY = "ShowtellInterpreter"


class Interpreter:
    """Understands messages.

    Args:
        project: its examples, synonyms and clauses are what is learned.
        encode: sentences -> their vectors.
        known: tells whether a word is spelled as meant; None takes every word as it is.
        kept: what `arrays` returned for the same project and encoder; learned anew without it.

    Attributes:
        closeness: `IntentClassifier.closeness`.
        encode: as given.
        vectors: of the texts that were encoded last; more may be put there (see `plan`).
    """

    def __init__(
        self,
        project: RasaProject,
        encode: Encode,
        known: Callable[[str], bool] | None = None,
        kept: Arrays | None = None,
    ) -> None:
        self._intents = set(project.intents)
        if project.language != "en":  # the encoder's words are English: "Meer" is no slip of "mehr"
            known = None
        self._known = known
        self._content = _NO_WORDS, ContentSpeller(_NO_WORDS, str.isalpha)
        self._languages = LanguageDetector(project.language, project.others, known)
        self.questions = QuestionReader(project.questions)
        self.editor = Editor(Classes(project.classes))
        self._filters = FilterReader(project.language)
        self._clauses = ClauseSplitter(project.clauses)
        self._cue_speller = Speller(self._clauses.cues, known)
        self.encode = encode
        self.vectors = TextVectors(_REMEMBERED_TEXTS)
        self._classifier = IntentClassifier(self._encode, known)
        texts, intents = project.texts_and_intents()
        self._classifier.fit(texts, intents, kept)
        self._tagger = Tagger(project.examples, project.synonyms, kept)
        normalizer = self._tagger.normalizer
        self._pieces = PieceReader(
            self._classifier,
            self._tagger,
            self._clauses,
            Cues(project.clauses, project.needs, project.subjects, normalizer),
            self.editor,
            NumberedReader(project.clauses, normalizer),
        )
        self.closeness = self._classifier.closeness

    def arrays(self) -> Arrays:
        """Return all that was learned."""
        return {**self._classifier.arrays(), **self._tagger.arrays()}

    def plan(self, text: str) -> tuple[str, ...]:
        """Return what `read` will most likely encode, so that it can be encoded with others' texts.

        Of a short message that says one thing, as most do; of others nothing.
        """
        if not text or len(text) > _LONGEST_PLANNED or text.startswith("/"):
            return ()
        says_more = len(self._clauses.pieces(text)) > 1 or self._clauses.exclusions(text)
        return () if says_more else (self._classifier.meant(text),)

    def read(
        self, text: str, facets: Facets = NOTHING, vocabulary: Mapping[str, int] = _NO_WORDS
    ) -> Reading:
        """Return what a message says, or a payload such as /more_images.

        Args:
            text: what was said.
            facets: what the gallery can be filtered by.
            vocabulary: words of the gallery and how often they occur; what is looked for is
                spelled by them.
        """
        if (payload := self._payload(text)) is not None:
            return payload
        if spelled := spell_out_emoji(text):
            meant = self.read(spelled, facets, vocabulary)
            whole = tuple(replace(span, start=0, end=len(text)) for span in meant.spans)
            return replace(meant, text=text, spans=whole)
        reading = self._read_text(text, facets)
        if reading.intent in _OF_ANY_LANGUAGE or not (foreign := self._languages.foreign(text)):
            return self._spelled(reading, vocabulary)
        span = Span("language", foreign, 0, len(text), _FOUND_BY)
        return Reading(text, ((OTHER_LANGUAGE, 1.0),), (span,))

    def decide(self, reading: Reading, record: SessionRecord, upload: str | None = None) -> Meaning:
        """Return what a message that was read means in its session; see `meaning.decide`."""
        return decide(reading, record, self.closeness, upload, self.editor)

    def understand(
        self,
        text: str,
        record: SessionRecord,
        facets: Facets,
        vocabulary: Mapping[str, int],
        *,
        upload: str | None = None,
        filters: Sequence[tuple[str, str]] = (),
    ) -> Meaning:
        """Return what a message means in its session.

        Args:
            text: what was said; empty where a picture or filters came alone.
            record: the session of its sender.
            facets: as for `read`.
            vocabulary: as for `read`.
            upload: key of a picture that came with it.
            filters: conditions that came with it; those in its words give way to them.
        """
        reading = self.read(text, facets, vocabulary) if text else Reading("", ((SEARCH, 1.0),))
        named = {key for key, _ in filters}
        kept = [span for span in reading.spans if span.name not in named]
        given = [Span(key, value, found_by="Given") for key, value in filters]
        return self.decide(replace(reading, spans=(*kept, *given)), record, upload)

    def _spelled(self, reading: Reading, vocabulary: Mapping[str, int]) -> Reading:
        """Return a reading with typing errors mended in what is looked for."""
        if self._known is None or not vocabulary:
            return reading
        if vocabulary is not self._content[0]:
            self._content = vocabulary, ContentSpeller(vocabulary, self._known)
        correct = self._content[1].correct
        spans = (
            replace(span, value=correct(span.value))
            if span.name in _CONTENT and isinstance(span.value, str)
            else span
            for span in reading.spans
        )
        return replace(reading, spans=tuple(spans))

    def _read_text(self, text: str, facets: Facets) -> Reading:
        """Return what a message says in the language that is spoken here."""
        # "withuot people" divides the message, so it is mended before all else.
        text = _LOWER.sub(lambda match: self._cue_speller.correct(match[0]), text)
        filters = self._filters.read(text, facets)
        rest = without(text, filters)
        if filters and not _WORD.search(rest):
            return Reading(text, ((REFINE, 1.0),), tuple(filters))
        if judged := self._pieces.read_verdicts(rest):
            return judged
        places = self._clauses.pieces(rest) or [(0, len(rest))]
        pieces = [self._pieces.read(only(rest, [place], inside=True)) for place in places]
        reading = self._joined(pieces, places)
        is_cut = len(pieces) == 1 and pieces[0].text.strip() != rest.strip()
        if is_cut and _praising(reading).intent == "react_good":
            whole = self._pieces.read(rest)
            reading = whole if whole.intent == "thank" else reading  # "perfect, thanks!"
        if filters and reading.intent not in WISHES:  # "more from 2023" narrows down, too
            reading = self._pieces.with_spans(reading.settled(REFINE))
        if filters and not reading.spans and reading.intent == SEARCH:
            reading = reading.settled(REFINE)
        spans = sorted([*reading.spans, *filters], key=lambda span: span.start)
        return replace(reading, text=text, spans=tuple(spans))

    def _encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Encode a single text once; a batch, the examples, as it is."""
        if len(texts) != 1:
            return self.encode(texts)
        found = self.vectors.find(texts)
        if not found:
            found = {texts[0]: self.encode(texts)[0]}
            self.vectors.keep(found)
        return found[texts[0]][None]

    def _joined(self, pieces: Sequence[Reading], places: Sequence[tuple[int, int]]) -> Reading:
        """Return what several things that are said one after the other say together.

        One of them is the main thing, and its intent is the message's. The wishes of the others
        go with it; what else they say is named by a span: "thanks, now with a ball".
        """
        if len(pieces) > 1:
            pieces = self._without_tales([_praising(piece) for piece in pieces])
        acting = [piece for piece in pieces if piece.intent not in _BESIDE]
        searching = [piece for piece in acting if piece.intent in (SEARCH, REFINE)]
        wishing = [piece for piece in acting if piece.intent in WISHES]
        main = (searching or wishing or acting or pieces[-1:])[0]
        if not acting:
            return main
        spans: list[Span] = []
        for piece, place in zip(pieces, places, strict=True):
            if piece is main or piece.intent in WISHES:
                spans += piece.spans
            elif not self._says_nothing(piece):
                spans.append(Span("also", piece.intent, *place, _FOUND_BY))
        return replace(main, spans=tuple(spans))

    def _without_tales(self, pieces: Sequence[Reading]) -> Sequence[Reading]:
        """Return what is told beside a wish as no wish: "my phone died. A kayak on a river?"."""
        told = {at for at, piece in enumerate(pieces) if self._pieces.is_remark(piece.text)}
        if not any(piece.intent in WISHES for at, piece in enumerate(pieces) if at not in told):
            return pieces
        return [
            Reading(piece.text, ((OTHER, 1.0),)) if at in told else piece
            for at, piece in enumerate(pieces)
        ]

    def _says_nothing(self, piece: Reading) -> bool:
        """Whether what is said beside something else calls for no answer."""
        is_short = len(piece.text.split()) <= _MOST_WORDS_OF_NOTHING
        return piece.intent in _NOTHING and (is_short or self._pieces.is_remark(piece.text))

    def _payload(self, text: str) -> Reading | None:
        match = _PAYLOAD.fullmatch(text)
        if not match or match["intent"] not in self._intents:
            return None
        try:
            values = json.loads(match["entities"] or "{}")
        except (json.JSONDecodeError, RecursionError):
            values = {}  # as Rasa does: the intent counts
        spans = (usable_spans(name, value, 0, len(text)) for name, value in values.items())
        return Reading(
            text, ((match["intent"], 1.0),), tuple(span for some in spans for span in some)
        )


def _praising(piece: Reading) -> Reading:
    """Return a thumb for nothing in particular as what it is beside something else: praise."""
    names = {span.name: span.value for span in piece.spans}
    if piece.intent == "rate_image" and names.get("rating") != "down" and "position" not in names:
        return piece.settled("react_good")
    return piece
