"""What one thing says that somebody wrote: a wish, what is not wanted, a correction, small talk.

The words that divide and mark are data of each language (clauses.py, cues.py); what they stand
around is told by the classifier of intents and the tagger.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.understanding.cues import Cues
from bot.understanding.entities import Tagger
from bot.understanding.intents import IntentClassifier
from bot.understanding.reading import EXCLUDE, REFINE, SEARCH, Reading, Span
from bot.wording.clauses import Clause, ClauseSplitter
from bot.wording.edits import Editor
from bot.wording.numbered import NumberedReader, Verdict
from bot.wording.phrases import only
from bot.wording.text import split_words

__all__ = ["LIKE", "OTHER", "SURE", "UNLIKE", "WISHES", "PieceReader"]

LIKE, UNLIKE, RATE = "similar_to_image", "unlike_image", "rate_image"
OTHER = "out_of_scope"
WISHES = frozenset({SEARCH, REFINE, EXCLUDE, LIKE, UNLIKE})
"""Intents that may carry filters and exclusions beside what they are about."""

SURE = 0.97
"""So likely an intent must be that takes something away without a word that calls for it; and a
message that is so surely out of scope is no wish."""

# What is no likelier than this says nothing against a phrase that is said of a thing.
_IN_DOUBT = 0.4
_FOUND_BY = "ShowtellInterpreter"
_MOST_WORDS_OF_A_NAME, _LETTERS_OF_NO_NAME = 3, 2


class PieceReader:
    """Reads pieces of messages.

    Args:
        classifier: tells intents.
        tagger: tells content from command words.
        clauses: finds what is not wanted.
        cues: finds words that say what a message is for.
        editor: knows which words name something.
        numbered: finds what is said of pictures by their numbers.
    """

    def __init__(
        self,
        classifier: IntentClassifier,
        tagger: Tagger,
        clauses: ClauseSplitter,
        cues: Cues,
        editor: Editor,
        numbered: NumberedReader,
    ) -> None:
        self._classifier = classifier
        self._tagger = tagger
        self._clauses = clauses
        self._cues = cues
        self._editor = editor
        self._numbered = numbered

    def read_verdicts(self, text: str) -> Reading | None:
        """Return what a message thinks of several pictures, where it says nothing else."""
        verdicts = self._numbered.verdicts(text)
        return self._judged(Reading(text, ((RATE, 1.0),)), verdicts) if len(verdicts) > 1 else None

    def _judged(self, reading: Reading, verdicts: Sequence[Verdict]) -> Reading:
        """Return a reading that rates pictures, or takes those that are liked for examples."""
        good = [picture for picture, is_good in verdicts if is_good]
        bad = [picture for picture, is_good in verdicts if not is_good]
        spans = [Span("position", *one, _FOUND_BY) for one in good or bad]
        if good and bad:
            spans += [Span("position", *one, _FOUND_BY, "unlike") for one in bad]
            return replace(reading.settled(LIKE), spans=tuple(spans))
        spans.append(Span("rating", "up" if good else "down", found_by=_FOUND_BY))
        return replace(reading.settled(RATE), spans=tuple(spans))

    def is_remark(self, text: str) -> bool:
        """Whether a piece beside others tells something and asks for nothing."""
        is_told = self._cues.is_told(text) and not self._clauses.exclusions(text)
        return is_told or self._cues.is_remark(text)

    def read(self, text: str) -> Reading:
        """Return what a piece says; blanks stand in the place of the others."""
        alone = self._cues.alone(text)
        if alone:
            reading = Reading(text, ((alone, 1.0),))
        else:
            said = self._clauses.without_asides(text)
            if said != text and not self._tagger.has_content(said):
                said = text  # "not necessarily brown" is about what was said before
            reading = (
                self._read_example(said)
                or self._read_correction(said)
                or self._read_wish_and_exclusions(said)
                or self._read_one_clause(said)
            )
        if reading.intent not in (LIKE, UNLIKE) and (verdicts := self._numbered.verdicts(text)):
            reading = self._judged(reading, verdicts)  # "3 looks nice"
        elif reading.intent in (OTHER, RATE):
            reading = self._bare(reading, text)
        elif reading.confidence < _IN_DOUBT and self._editor.is_fragment(text):
            reading = self.with_spans(reading.settled(REFINE))  # "over a log"
        if reading.intent in WISHES and self._cues.is_remark(text):
            reading = Reading(text, ((OTHER, 1.0),))
        spans = [*reading.spans, *self._cues.beside(text)]
        if reading.intent == OTHER:
            spans += self._cues.subject(text)
        return replace(reading, text=text, spans=tuple(map(self._without_media, spans)))

    def _bare(self, reading: Reading, text: str) -> Reading:
        """Return a number alone as an example, and a name alone as a wish: "3", "Monet"."""
        spans, words = list(reading.spans), split_words(text)
        if self._cues.is_position(text) and all(span.name != "rating" for span in spans):
            positions = tuple(self._positions(text, (0, len(text))))
            return replace(reading.settled(LIKE), spans=positions)
        if (
            reading.intent == OTHER
            and reading.confidence < SURE
            and 1 <= len(words) == len(self._editor.names(text)) <= _MOST_WORDS_OF_A_NAME
            and all(_may_name(word.text) for word in words)
            and not self._cues.subject(text)
        ):
            start, end = words[0].start, words[-1].end
            named = Span("query", text[start:end], start, end, _FOUND_BY)
            return replace(reading.settled(SEARCH), spans=(named,))
        return reading

    def _read_example(self, text: str) -> Reading | None:
        """Return what "like the second one, but in the snow" says; None for anything else."""
        example = self._numbered.example(text)
        if example is None or self._cues.is_position(text[example.start :]):
            return None
        body = only(text, [example[1:]], inside=True)
        if self._clauses.exclusions(body) or not self._tagger.has_content(body):
            return None
        reading = self.with_spans(self._rank(body).settled(REFINE))
        pictures = (Span("position", *one, _FOUND_BY) for one in example.pictures)
        return replace(reading.settled(LIKE), spans=(*pictures, *reading.spans))

    def _read_correction(self, text: str) -> Reading | None:
        """Return what takes the place of something in the search; None where nothing does."""
        clauses = [(clause.start, clause.end) for clause in self._clauses.exclusions(text)]
        old: Span | None = None
        if swap := self._cues.swap(text):
            (start, end), new = swap
            # "Two kids instead of one" names a number; "the coat should be red" nothing old.
            if start < end and not self._cues.is_position(text[start:end]):
                old = Span("excluded", text[start:end], start, end, _FOUND_BY, "replace")
            body, role, keeps = only(text, [new], inside=True), "replace", False
        elif correction := self._cues.correction(only(text, clauses, inside=False)):
            body = only(text, correction.places, inside=False)
            role = "replace" if correction.strong else "exchange"
            keeps = correction.keeps
        else:
            return None
        if not self._editor.names(body):
            return None
        reading = self._read_wish_and_exclusions(body) or self._read_one_clause(body)
        if self._editor.is_attribute(body):  # "four, my bad"
            reading = self.with_spans(reading.settled(REFINE))
        if reading.intent not in (SEARCH, REFINE):
            return None
        if keeps:
            reading = reading.settled(REFINE)
        spans = [
            replace(span, role=role) if span.name == "query" else span for span in reading.spans
        ]
        if not any(span.role for span in spans):
            return None
        return replace(reading, spans=(*spans, old) if old else tuple(spans))

    def _without_media(self, span: Span) -> Span:
        if span.name != "query" or not isinstance(span.value, str):
            return span
        value = self._cues.without_media(span.value)
        # Where an exclusion stood in the middle, a comma is left.
        tidy = re.sub(r"\s*,[\s,]*", ", ", value).strip(" ,")
        return replace(span, value=tidy, end=span.start + len(value))

    def _read_wish_and_exclusions(self, text: str) -> Reading | None:
        """Return what "dogs but no people" says; None where one of the two is missing."""
        clauses = self._clauses.exclusions(text)
        wish = self._clauses.without(text, clauses)
        excluded = [span for clause in clauses for span in self._excluded(text, clause)]
        is_about_pictures = any(span.role == "unlike" for span in excluded)
        swaps = any(span.role == "replace" for span in excluded)
        if clauses and self._cues.is_told(wish):  # "no dogs, I was bitten twice"
            wish = " " * len(wish)
        has_wish = self._tagger.has_content(wish) or (swaps and bool(self._editor.names(wish)))
        if clauses and has_wish and not excluded:  # "cats or dogs but not both"
            return self.with_spans(self._guarded(self._rank(wish)))
        if not excluded or not (is_about_pictures or wish.strip()):
            return None
        reading = self._rank(wish)
        if reading.intent == RATE:  # "2 is great, 4 is not"
            reading = reading.settled(LIKE)
        likes = reading.intent == LIKE  # "more like the first one, but no leash"
        if not (is_about_pictures or has_wish or likes):
            return None
        if is_about_pictures and reading.intent not in (LIKE, UNLIKE):
            return None
        if swaps and not is_about_pictures and reading.intent in (LIKE, UNLIKE):
            reading = reading.settled(REFINE)  # "three, not two"
        if reading.intent == EXCLUDE or reading.intent not in WISHES:
            likelier = max(SEARCH, REFINE, key=reading.share)
            reading = reading.settled(likelier)
        reading = self.with_spans(reading)
        return replace(reading, spans=(*reading.spans, *excluded))

    def _read_one_clause(self, text: str) -> Reading:
        once = self._clauses.unsaid(text)
        plain = self._clauses.plain(once)
        # "no doubt a dog" is a dog; "no problem" is all idiom, and read as it is.
        reading = self._rank(plain if self._tagger.has_content(plain) else once)
        if once != text:
            whole = self._rank(text)
            if whole.intent not in WISHES and whole.confidence >= SURE:
                return self.with_spans(whole)  # "I can't get enough of these, keep them coming"
            narrows = reading.intent not in (SEARCH, REFINE) or self._clauses.is_twice(text)
            reading = reading.settled(REFINE) if narrows else reading
        elif clauses := self._clauses.exclusions(reading.text):
            if reading.intent in (SEARCH, REFINE) or (
                self._clauses.is_firm(text)
                and any(list(self._excluded(reading.text, clause)) for clause in clauses)
            ):
                reading = reading.settled(EXCLUDE)  # "something without people" names no wish
        else:
            reading = self._guarded(reading)
        return self.with_spans(reading)

    def _guarded(self, reading: Reading) -> Reading:
        """Return a reading that takes nothing away on a guess."""
        text = self._clauses.plain(self._classifier.correct(reading.text))
        for intent, share in reading.ranking:
            if share >= SURE or self._cues.is_called_for(intent, text):
                return reading.settled(intent)
        return reading

    def _rank(self, text: str) -> Reading:
        return Reading(text, tuple(self._classifier.rank([text])[0]))

    def with_spans(self, reading: Reading) -> Reading:
        """Return a reading with the spans that its intent can have."""
        text = reading.text
        spans = self._tagger.tag(text, reading.intent, self._classifier.correct)
        if reading.intent == EXCLUDE and not self._allows(text, spans):
            clauses = self._clauses.exclusions(text) or tuple(
                Clause(span.start, span.start, span.end, True) for span in spans
            )
            spans = [span for clause in clauses for span in self._excluded(text, clause)] or spans
        return replace(reading, spans=tuple(spans))

    def _allows(self, text: str, spans: Sequence[Span]) -> bool:
        """Whether spans let something in again; "kids aren't welcome" only sounds like it."""
        if not any(span.name == "allowed" for span in spans):
            return False
        return not self._clauses.exclusions(text) and not self._clauses.is_firm(text)

    def _excluded(self, text: str, clause: Clause) -> Iterator[Span]:
        """Yield what a clause excludes, a span for each thing."""
        found = list(self._excluded_things(text, clause))
        if self._cues.is_mild(text[clause.start : clause.body]):
            found = [one if one.role else replace(one, role="replace") for one in found]
        if not found and (people := self._cues.nobody(text[clause.start : clause.end])):
            found = [Span("excluded", people, clause.start, clause.body, _FOUND_BY)]
        yield from found

    def _excluded_things(self, text: str, clause: Clause) -> Iterator[Span]:
        for place in self._clauses.items(text, clause.body, clause.end):
            start, end = self._clauses.core(text, *place)
            if self._cues.is_position(text[start:end]):
                yield from self._positions(text, (start, end), "unlike")
                continue
            if clause.is_named:
                yield from self._named(text, start, end)
                continue
            # "without cats or dogs, please" is read as "without cats", then "without dogs, please".
            alone = only(text, [(clause.start, clause.body), (start, end)], inside=True)
            for span in self._tagger.tag(alone, EXCLUDE, self._classifier.correct):
                if span.name == "excluded":
                    yield from self._named(text, max(span.start, start), span.end)

    def _named(self, text: str, start: int, end: int) -> Iterator[Span]:
        """Yield a thing that is not wanted, unless it names nothing ("both")."""
        start, end = self._clauses.core(text, start, end)
        said = text[start:end]
        if self._editor.names(said):
            yield Span("excluded", self._cues.nobody(said) or said, start, end)

    def _positions(self, text: str, place: tuple[int, int], role: str = "") -> Iterator[Span]:
        """Yield the positions that a part of a text names."""
        words = split_words(only(text, [place], inside=True))
        positions = [(word, self._tagger.normalizer.position(word.text)) for word in words]
        found = [(word, value) for word, value in positions if value is not None]
        for word, value in found:
            # "the second one" names one picture.
            if len(found) == 1 or word.text not in self._editor.classes.standing:
                yield Span("position", value, word.start, word.end, _FOUND_BY, role)


def _may_name(word: str) -> bool:
    """Whether a word can be a name: it has letters alone, and more than two ("hmmm" has two)."""
    return word.isalpha() and len(set(word)) > _LETTERS_OF_NO_NAME
