"""Tells content from command words, and finds which picture and which rating is meant.

A small tagger, learned from the annotated examples: a logistic regression over each word and its
neighbors. A word that is never a command word in the examples counts only as "some word", so the
tagger learns what requests look like and not what they are about. The content of a request is the
one contiguous span with the highest sum of log-odds.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from bot.project import EntitySpan, Example, RasaProject
from bot.spelling import one_slip

CONTENT_ENTITIES = ("query", "excluded", "allowed")
_OUTSIDE, _CONTENT, _ALLOWED = "outside", "content", "allowed"
_POSITION, _RATING = "position", "rating"
_LABELS = {
    "query": _CONTENT,
    "excluded": _CONTENT,
    "allowed": _ALLOWED,
    "position": _POSITION,
    "rating": _RATING,
}

_WORD = re.compile(r"\w+(?:['\u2019\-]\w+)*")
_NUMBER = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?\.?", re.IGNORECASE)
# Ordinals of English and German by their endings: "second", "4th", "zweite", "dritten".
_ORDINAL = re.compile(r"(?:st|nd|rd|th|second|te[nmrs]?)$", re.IGNORECASE)
_STRONG_MARKS = frozenset(":.!?;\u2013\u2014-")
_COPIES = 4
# Share of words made unknown while learning, as new command words will be.
_HIDDEN = 0.02
# Bounds the log-odds, so that one odd word in the middle does not cut the content in two.
_LEAST_SHARE = 0.1
_WINDOW = 3
# Above this a number is a position: in "the one on the right", "one" could be one too.
_SURE_POSITION = 0.5


@dataclass(frozen=True)
class Word:
    """A word of a text: lower-cased, with its place and the punctuation before it."""

    text: str
    start: int
    end: int
    mark: str = ""


def split_words(text: str) -> list[Word]:
    """Return the words of a text; punctuation stands between words."""
    words = []
    end = 0
    for match in _WORD.finditer(text):
        mark = text[end : match.start()].strip()[:1]
        end = match.end()
        words.append(Word(match[0].lower().replace("\u2019", "'"), match.start(), end, mark))
    return words


class Normalizer:
    """Turns what was said into a value: "second" -> 2, "thumbs up" -> "up".

    Args:
        synonyms: Lower-cased phrase -> value; values that are whole numbers are positions.
        known_words: Words that are spelled as meant; others may be typing errors.
    """

    def __init__(self, synonyms: dict[str, str], known_words: Iterable[str]) -> None:
        self._positions = {k: int(v) for k, v in synonyms.items() if v.lstrip("-").isdigit()}
        self._ratings = {k: v for k, v in synonyms.items() if k not in self._positions}
        self._known = set(known_words) | synonyms.keys()

    def position(self, word: str) -> int | None:
        """Return the position that a word names: 1 first, -1 last, 0 middle; None if it is none."""
        number = _NUMBER.fullmatch(word)
        if number:
            return int(number[1]) or None
        return self._positions.get(self._correct(word, self._positions))

    def count(self, word: str) -> int | None:
        """Return the number in "the first two", "the last 3"; None for ordinals and others."""
        position = self.position(word)
        return position if position and position > 1 and not _ORDINAL.search(word) else None

    def rating(self, phrase: str) -> str | None:
        """Return "up" or "down", or None if the phrase names no rating."""
        return self._ratings.get(self._correct(phrase, self._ratings))

    def _correct(self, word: str, targets: Iterable[str]) -> str:
        if word in self._known or len(word) < 4:
            return word
        return next((target for target in targets if one_slip(word, target)), word)


class Tagger:
    """Finds the entities of a text whose intent is known."""

    def __init__(self, examples: Sequence[Example], synonyms: dict[str, str]) -> None:
        known = {word.text for example in examples for word in split_words(example.text)}
        self.normalizer = Normalizer(synonyms, known)
        tagged = [
            example
            for example in examples
            if any(span.entity in _LABELS for span in example.entities)
        ]
        self._allowed: dict[str, set[str]] = defaultdict(set)
        for example in tagged:
            names = {span.entity for span in example.entities}
            self._allowed[example.intent] |= names & _LABELS.keys()
        training = [example for example in examples if example.intent in self._allowed]
        self._command_words = {
            word.text
            for example in training
            for word, label in _labelled(example)
            if label == _OUTSIDE
        }
        rows: list[dict[str, Any]] = []
        labels: list[str] = []
        choose = random.Random(0)  # noqa: S311 - no secret; the same examples, the same tagger
        for example in training:
            words, wanted = zip(*_labelled(example), strict=True)
            rows += self._features(words, example.intent)
            labels += wanted
        for example in _vary(tagged, choose):
            words, wanted = zip(*_labelled(example), strict=True)
            rows += self._features(words, example.intent, choose)
            labels += wanted
        self._vectorizer = DictVectorizer(dtype=np.float32)
        self._classifier = LogisticRegression(C=4.0, max_iter=300, tol=1e-3)
        features = self._vectorizer.fit_transform(rows)
        with one_thread():
            self._classifier.fit(features, labels)
        self._column = {label: i for i, label in enumerate(self._classifier.classes_)}

    @property
    def command_words(self) -> frozenset[str]:
        """Words that are said around content: what a typing error may have been meant for."""
        return frozenset(self._command_words)

    def tag(
        self, text: str, intent: str, correct: Callable[[str], str] = str
    ) -> list[dict[str, Any]]:
        """Return the entities in Rasa's form: entity, start, end, value, extractor.

        Args:
            text: What was said.
            intent: What it was understood as.
            correct: Returns the word that a typing error was meant for.
        """
        words = [replace(word, text=correct(word.text)) for word in split_words(text)]
        allowed = self._allowed.get(intent, set())
        if not words or not allowed:
            return []
        features = self._vectorizer.transform(self._features(words, intent))
        probabilities = self._classifier.predict_proba(features)
        # Only what this intent can have: "three kayakers" in a search names no position.
        possible = {_OUTSIDE} | {_LABELS[name] for name in allowed}
        for label, column in self._column.items():
            if label not in possible:
                probabilities[:, column] = 0.0
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        found = self._content(text, words, probabilities, allowed)
        if "position" in allowed:
            found += self._positions(words, probabilities)
        if "rating" in allowed:
            found += self._rating(words, probabilities)
        return sorted(found, key=lambda entity: int(entity["start"]))

    def _content(
        self,
        text: str,
        words: Sequence[Word],
        probabilities: npt.NDArray[Any],
        allowed: set[str],
    ) -> list[dict[str, Any]]:
        """Return the one span of content, named for what most of it is."""
        names = [name for name in CONTENT_ENTITIES if name in allowed]
        if not names:
            return []
        labels = sorted({_LABELS[name] for name in names})
        shares = probabilities[:, [self._column[label] for label in labels]]
        share = np.clip(shares.sum(axis=1), _LEAST_SHARE, 1 - _LEAST_SHARE)
        span = best_span(np.log(share / (1 - share)))
        if span is None:
            return []
        label = labels[int(shares[span[0] : span[1]].sum(axis=0).argmax())]
        entity = next(name for name in names if _LABELS[name] == label)
        start, end = words[span[0]].start, words[span[1] - 1].end
        return [_entity(entity, start, end, text[start:end])]

    def _positions(
        self, words: Sequence[Word], probabilities: npt.NDArray[Any]
    ) -> list[dict[str, Any]]:
        """Return all that are named; "the first two" are two, "the one on the right" is one."""
        shares = probabilities[:, self._column[_POSITION]]
        found: list[dict[str, Any]] = []
        at = 0
        while at < len(words):
            word = words[at]
            value = self.normalizer.position(word.text)
            if value is None or shares[at] <= _SURE_POSITION:
                at += 1
                continue
            following = words[at + 1] if at + 1 < len(words) else None
            count = None
            if value in (1, -1) and following is not None and not following.mark:
                count = self.normalizer.count(following.text)
            if count is not None and following is not None:
                span = range(1, count + 1) if value == 1 else range(-count, 0)
                found += [_entity("position", word.start, following.end, each) for each in span]
                at += 1
            else:
                found.append(_entity("position", word.start, word.end, value))
            at += 1
        return found

    def _rating(
        self, words: Sequence[Word], probabilities: npt.NDArray[Any]
    ) -> list[dict[str, Any]]:
        best = probabilities.argmax(axis=1) == self._column[_RATING]
        chosen = [word for word, is_rating in zip(words, best, strict=True) if is_rating]
        if not chosen:
            return []
        start, end = chosen[0].start, chosen[-1].end
        value = self.normalizer.rating(" ".join(word.text for word in chosen))
        return [] if value is None else [_entity("rating", start, end, value)]

    def _features(
        self, words: Sequence[Word], intent: str, hide: random.Random | None = None
    ) -> list[dict[str, Any]]:
        """Return a row for each word; `hide` makes some words unknown, as new ones will be."""
        shown = [
            "<content>" if hide and hide.random() < _HIDDEN else self._shape(word.text, intent)
            for word in words
        ]
        padded = ["<s>"] * _WINDOW + shown + ["</s>"] * _WINDOW
        content = [i for i, shape in enumerate(shown) if shape == "<content>"]
        strong = [word.mark in _STRONG_MARKS and bool(word.mark) for word in words]
        before_mark = [any(strong[: i + 1]) for i in range(len(words))]
        after_mark = [any(strong[i + 1 :]) for i in range(len(words))]
        rows = []
        for i, word in enumerate(words):
            at = i + _WINDOW
            row: dict[str, Any] = {f"w{d}": padded[at + d] for d in range(-_WINDOW, _WINDOW + 1)}
            row["before"] = f"{padded[at - 2]} {padded[at - 1]}"
            row["left"] = f"{padded[at - 1]} {padded[at]}"
            row["right"] = f"{padded[at]} {padded[at + 1]}"
            row["both"] = f"{padded[at - 1]} {padded[at]} {padded[at + 1]}"
            row["after"] = f"{padded[at + 1]} {padded[at + 2]}"
            row["intent"] = intent
            row["intent word"] = f"{intent} {padded[at]}"
            row["content"] = f"{bool(content) and content[0] < i} {padded[at]}"
            row["content after"] = f"{bool(content) and content[-1] > i} {padded[at]}"
            row["place"] = min(i, 5)
            row["mark"] = word.mark
            row["mark after"] = words[i + 1].mark if i + 1 < len(words) else ""
            row["sentence"] = f"{before_mark[i]} {after_mark[i]} {padded[at]}"
            row["first words"] = f"{padded[_WINDOW]} {padded[_WINDOW + 1]}"
            row["position"] = self.normalizer.position(word.text) is not None
            row["rating"] = self.normalizer.rating(word.text) is not None
            row |= {f"< {shape}": True for shape in shown[:i]}
            row |= {f"> {shape}": True for shape in shown[i + 1 :]}
            rows.append(row)
        return rows

    def _shape(self, word: str, intent: str) -> str:
        if "position" not in self._allowed[intent] and self.normalizer.count(word):
            return "<content>"  # "three kayakers"
        return word if word in self._command_words else "<content>"


@lru_cache(maxsize=4)
def _learned(examples: tuple[Example, ...], synonyms: tuple[tuple[str, str], ...]) -> Tagger:
    return Tagger(examples, dict(synonyms))


def learn_tagger(project: RasaProject) -> Tagger:
    """Return the project's tagger; it is learned once, for no model plays a part in it."""
    return _learned(project.examples, tuple(project.synonyms.items()))


def one_thread() -> AbstractContextManager[object]:
    """Keep BLAS to one thread: on matrices this small its threads only wait for each other."""
    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


def best_span(odds: npt.NDArray[Any]) -> tuple[int, int] | None:
    """Return the [start, end) with the highest sum above 0, or None where no sum is (Kadane)."""
    best: tuple[int, int] | None = None
    best_sum = running = 0.0
    start = 0
    for i, value in enumerate(odds):
        if running <= 0:
            start, running = i, 0.0
        running += float(value)
        if running > best_sum:
            best, best_sum = (start, i + 1), running
    return best


def _entity(name: str, start: int, end: int, value: object) -> dict[str, Any]:
    return {
        "entity": name,
        "start": start,
        "end": end,
        "value": value,
        "extractor": "ShowtellTagger",
    }


def _labelled(example: Example) -> list[tuple[Word, str]]:
    labelled = []
    for word in split_words(example.text):
        label = _OUTSIDE
        for span in example.entities:
            if word.start < span.end and span.start < word.end:
                label = _LABELS.get(span.entity, _OUTSIDE)
        labelled.append((word, label))
    return labelled


def _vary(examples: Sequence[Example], choose: random.Random) -> list[Example]:
    """Return copies of the examples with other content in the place of theirs."""
    pools: dict[tuple[str, str], list[str]] = defaultdict(list)
    for example in examples:
        for span in example.entities:
            pools[example.intent, span.entity].append(example.text[span.start : span.end])
    varied = []
    for example in examples:
        if len(example.entities) != 1 or example.entities[0].entity not in CONTENT_ENTITIES:
            continue
        span = example.entities[0]
        for content in choose.choices(pools[example.intent, span.entity], k=_COPIES):
            text = example.text[: span.start] + content + example.text[span.end :]
            end = span.start + len(content)
            varied.append(
                Example(text, example.intent, (EntitySpan(span.entity, span.start, end),))
            )
    return varied
