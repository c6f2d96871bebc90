"""Words that say what a message is for, whatever it is about: "no, I meant …", "two steps", "both".

The words are data of each language (clauses.yml in the Rasa project). A cue alone decides nothing:
what it comes to is decided with the session, in meaning.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from bot.understanding.reading import ALL, NONE, Span
from bot.wording.phrases import any_of, any_regular, only
from bot.wording.text import Normalizer, split_words
from retrieval.store.words import FUNCTION_WORDS

__all__ = ["Correction", "Cues"]

_EDGES = " \t\n,.;:!?\u2013\u2014-\u2026"
_START = r"^[\s,.;:!?\u2013\u2014-]*+"
_EDGE_END = r"[\s,.;:!?\u2013\u2014\u2026-]*$"
_FOUND_BY = "ShowtellCues"
# What is said in so many words and no other: part of the phrases -> intent.
_ALONE = {"redo": "redo_search", "unsure": "react_unsure"}
_MOST_STEPS, _SHORTEST_TALE = 20, 4


class Correction(NamedTuple):
    """What a message puts in the place of something.

    Attributes:
        places: where the cues stand.
        strong: whether it replaces something in any case ("no, …"); else only where one of its
            kind is there ("what about …").
        keeps: whether the rest of the search stays in any case ("the same with …").
    """

    places: list[tuple[int, int]]
    strong: bool
    keeps: bool


class Cues:
    """Finds cues.

    Args:
        phrases: those of one language, by their part; see languages/en/clauses.yml.
        needs: intent -> words of which one must be there, or it takes more likelihood.
        subjects: subject -> words of which one tells it.
        normalizer: knows numbers.
    """

    def __init__(
        self,
        phrases: Mapping[str, Sequence[str]],
        needs: Mapping[str, Sequence[str]],
        subjects: Mapping[str, Sequence[str]],
        normalizer: Normalizer,
    ) -> None:
        pattern = partial(any_of, phrases)
        apart, at_once = pattern("correction_apart"), pattern("correction")
        # A blank is enough behind "I meant", but "no dogs" corrects nothing.
        self._correction = re.compile(
            rf"{_START}(?:\*\s*(?=\w)|{at_once}(?!\w)"
            rf"|{apart}(?=\s*[,.;:!\u2013\u2014\u2026-]|\s+(?:{at_once}|{apart})(?!\w)))"
            rf"{_START[1:]}",
            re.IGNORECASE,
        )
        self._exchange = re.compile(
            rf"{_START}(?:(?P<same>{pattern('same')})|{pattern('exchange')})(?!\w){_START[1:]}",
            re.IGNORECASE,
        )
        self._remark = re.compile(rf"{_START}{any_regular(phrases, 'remark')}", re.IGNORECASE)
        self._corrected = re.compile(rf"[\s,]++{pattern('corrected')}[\s,.!?]*$", re.IGNORECASE)
        lead = rf"(?:{pattern('social', 'correction', 'correction_apart')}[\s,]+){{0,2}}"
        self._swaps = [
            re.compile(rf"{_START}{lead}{one}\s*$", re.IGNORECASE)
            for one in phrases.get("swap", ())
        ]
        self._told = re.compile(rf"(?<!\w){pattern('told')}(?!\w)", re.IGNORECASE)
        self._asks = re.compile(rf"(?<!\w){pattern('asks')}(?!\w)", re.IGNORECASE)
        dropped = [
            *phrases.get("dropped_regular", ()),
            rf"(?:{pattern('social')}[\s,]+)?{pattern('dropped')}\s+(?P<what>.+?)",
            rf"(?P<what>.+?)[\s,?]++{pattern('dropped_behind')}",
        ]
        self._dropped = [re.compile(rf"{_START}{one}{_EDGE_END}", re.IGNORECASE) for one in dropped]
        self._welcome = re.compile(
            rf"{_START}(?P<what>.+?)\s++{pattern('aside_behind')}{_EDGE_END}", re.IGNORECASE
        )
        self._again = re.compile(rf"\b{pattern('again')}\b", re.IGNORECASE)
        self._to_the_start = re.compile(rf"\b{pattern('to_the_start')}\b", re.IGNORECASE)
        self._steps = re.compile(rf"\b(?P<number>\w+)\s+{pattern('steps')}\b", re.IGNORECASE)
        self._twofold = re.compile(rf"\b{pattern('twofold')}\b", re.IGNORECASE)
        self._going_on = re.compile(
            rf"{_START}{pattern('going_on')}\s+(?P<what>.+?){_EDGE_END}", re.IGNORECASE
        )
        self._denials = {
            part: re.compile(rf"{_START}{pattern(part)}\s+(?P<what>.+?){_EDGE_END}", re.IGNORECASE)
            for part in ("denial", "missing")
        }
        self._standing = re.compile(rf"\b{pattern('standing')}\b", re.IGNORECASE)
        self._nobody = re.compile(
            rf"(?:\w+\s+)?{pattern('nobody')}(?:\W+{pattern('tail')})*$", re.IGNORECASE
        )
        self._people = next(iter(phrases.get("nobody_means", ())), "")
        self._mildly = frozenset(phrases.get("mildly", ()))
        self._media = frozenset(phrases.get("media", ()))
        self._counting = frozenset(phrases.get("counting", ()))
        self._answers = {
            value: re.compile(
                rf"{_START}(?:{pattern('social')}[\s,]+)?{pattern(part)}"
                rf"(?:[\s,]+{pattern(part, 'social')})?{_EDGE_END}",
                re.IGNORECASE,
            )
            for part, value in (("none", NONE), ("any", ALL))
        }
        before = pattern("social", "joined", "correction", "correction_apart")
        self._alone = {
            intent: re.compile(
                rf"{_START}(?:{before}[\s,]+){{0,2}}{pattern(part)}"
                rf"(?:[\s,]+(?:{pattern(part)}|{pattern('social')}))*{_EDGE_END}",
                re.IGNORECASE,
            )
            for part, intent in _ALONE.items()
        }
        self._ordinal = re.compile(
            rf"{_START}(?:{pattern('ordinal_before')}\s+)?(?P<word>\w+)"
            rf"(?:[\s,]+{pattern('ordinal_behind')})*{_EDGE_END}",
            re.IGNORECASE,
        )
        self._needs = {intent: _any_word(words) for intent, words in needs.items()}
        self._subjects = {subject: _any_word(words) for subject, words in subjects.items()}
        self._normalizer = normalizer

    def correction(self, text: str) -> Correction | None:
        """Return what a message corrects, or None if nothing says that it does."""
        body, strong, keeps = text, False, False
        places = []
        at = 0
        while match := self._correction.match(body[at:]):
            strong = True
            places.append((at, at + match.end()))
            at += match.end()
        while match := self._exchange.match(body[at:]):
            keeps = keeps or match["same"] is not None
            places.append((at, at + match.end()))
            at += match.end()
        while match := self._corrected.search(body, at):
            strong = True
            places.append((match.start(), match.start() + len(match[0].rstrip())))
            body = body[: match.start()]
        left = only(text, places, inside=False).strip(_EDGES)
        return Correction(places, strong, keeps) if places and left else None

    def swap(self, text: str) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Return where the old and the new thing stand in "a cat instead of a dog", or None."""
        said = text.rstrip()
        for pattern in self._swaps:
            if match := pattern.match(said):
                return match.span("old"), match.span("new")
        return None

    def beside(self, text: str) -> list[Span]:
        """Return what cues say beside the intent: dropped, recalled, steps, and so on."""
        found = []
        if dropped := next(filter(None, (one.match(text) for one in self._dropped)), None):
            found.append(Span("dropped", dropped["what"], *dropped.span("what"), _FOUND_BY))
        if welcome := self._welcome.match(text):
            found.append(Span("welcome", welcome["what"], *welcome.span("what"), _FOUND_BY))
        if more := self._going_on.match(text):
            found.append(Span("going_on", more["what"], *more.span("what"), _FOUND_BY))
        for part, pattern in self._denials.items():
            if denied := pattern.match(text):
                found.append(Span("denied", denied["what"], *denied.span("what"), _FOUND_BY, part))
        if standing := self._standing.search(text):
            found.append(Span("standing", standing[0], *standing.span(), _FOUND_BY))
        if again := self._again.search(text):
            rest = only(text, [again.span()], inside=False)
            found.append(Span("recalled", " ".join(rest.split()), 0, len(text), _FOUND_BY))
        if start := self._to_the_start.search(text):
            found.append(Span("steps", _MOST_STEPS, *start.span(), _FOUND_BY))
        elif steps := self._steps.search(text):
            number = self._normalizer.count(steps["number"].lower())
            if number:
                found.append(Span("steps", min(number, _MOST_STEPS), *steps.span(), _FOUND_BY))
        elif twofold := self._twofold.search(text):
            found.append(Span("steps", 2, *twofold.span(), _FOUND_BY))
        for value, pattern in self._answers.items():
            if pattern.match(text):
                found.append(Span("answer", value, 0, len(text), _FOUND_BY))
                break
        else:
            if (match := self._ordinal.match(text)) and (
                position := self._normalizer.position(match["word"].lower())
            ):
                found.append(Span("answer", position, 0, len(text), _FOUND_BY))
        return found

    def alone(self, text: str) -> str | None:
        """Return the intent of a message that is a phrase and nothing else, or None."""
        return next((name for name, one in self._alone.items() if one.match(text)), None)

    def is_remark(self, text: str) -> bool:
        """Whether a text tells something and asks for nothing: "my mother grew up there"."""
        return bool(self._remark.match(text))

    def is_told(self, text: str) -> bool:
        """Whether a long sentence tells of who writes it: "we went kayaking, I lost my phone"."""
        is_long = len(text.split()) >= _SHORTEST_TALE
        return is_long and bool(self._told.search(text)) and not self._asks.search(text)

    def subject(self, text: str) -> list[Span]:
        """Return what is talked about that is no picture, at most one."""
        for name, pattern in self._subjects.items():
            if match := pattern.search(text):
                return [Span("subject", name, *match.span(), _FOUND_BY)]
        return []

    def is_called_for(self, intent: str, text: str) -> bool:
        """Whether a text has a word that an intent needs."""
        needed = self._needs.get(intent)
        return needed is None or bool(needed.search(text))

    def is_mild(self, cue: str) -> bool:
        """Whether what is not wanted makes room for something: "not a dog, a cat"."""
        return " ".join(cue.strip(_EDGES).lower().split()) in self._mildly

    def nobody(self, clause: str) -> str:
        """Return who is left out by a clause that names nothing: "but nobody in it"; else ""."""
        return self._people if self._nobody.match(clause.strip(_EDGES)) else ""

    def is_position(self, text: str) -> bool:
        """Whether a part of a message names pictures and nothing else: "like the first one"."""
        words = [word.text for word in split_words(text)]
        positions = [word for word in words if self._is_position(word, alone=len(words) == 1)]
        rest = {*words} - {*positions} - self._media - self._counting - FUNCTION_WORDS
        return bool(positions) and not rest

    def _is_position(self, word: str, *, alone: bool) -> bool:
        """Whether a word names a picture; "two" alone says how many."""
        counts = alone and word.isalpha() and self._normalizer.count(word)
        return not counts and self._normalizer.position(word) is not None

    def without_media(self, text: str) -> str:
        """Return a text without the word for pictures at its end: "beach pics" is "beach"."""
        words = split_words(text)
        while len(words) > 1 and words[-1].text in self._media:
            words.pop()
        return text[: words[-1].end] if words else text


def _any_word(words: Sequence[str]) -> re.Pattern[str]:
    """Return a pattern of words; * stands for any letters."""
    parts = (r"\w*".join(map(re.escape, word.lower().split("*"))) for word in words)
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE)
