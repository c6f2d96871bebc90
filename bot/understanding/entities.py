"""Tells content from command words, and finds which picture and which rating is meant.

A small tagger, learned from the annotated examples: a logistic regression over each word and its
neighbors. A word that is never a command word in the examples counts only as "some word", so the
tagger learns what requests look like and not what they are about. The content of a request is the
one contiguous span that makes the labels of all words likeliest: what stands before it, it, and
what stands behind it.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from bot.understanding.rasa_project import Example
from bot.understanding.reading import Span
from bot.understanding.text import Normalizer, Word, split_words
from bot.understanding.variations import (
    BEFORE,
    BEHIND,
    COMMANDS,
    CONTENT_ENTITIES,
    LABELS,
    OUTSIDE,
    POSITION,
    RATING,
    label_words,
    vary,
)

_STRONG_MARKS = frozenset(":.!?;\u2013\u2014-")
_CLAUSE_MARKS = _STRONG_MARKS | frozenset(",(\u2026")
# Features are hashed to so many columns: quicker than a vocabulary of them, and as good.
_WIDTH = 2**15
# Share of words made unknown while learning, as new command words will be.
_HIDDEN = {BEFORE: 0.06, BEHIND: 0.12}
_HIDDEN_ELSE = 0.02
# Bounds the probabilities, so that one odd word in the middle does not cut the content in two.
_LEAST_SHARE = 0.1
# A lost word of the content costs more than a kept one that is none.
_LEANING = 0.3
_WINDOW = 3
# Above this a number is a position: in "the one on the right", "one" could be one too.
_SURE_POSITION = 0.5


class Tagger:
    """Finds the entities of a text whose intent is known.

    Args:
        examples: what is learned.
        synonyms: lower-cased phrase -> the value it stands for.
        kept: what `arrays` returned for the same examples and synonyms; learned anew without it.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        synonyms: dict[str, str],
        kept: Mapping[str, npt.NDArray[Any]] | None = None,
    ) -> None:
        spelled = {word.text for example in examples for word in split_words(example.text)}
        self.normalizer = Normalizer(synonyms, spelled)
        tagged = [
            example
            for example in examples
            if any(span.entity in LABELS for span in example.entities)
        ]
        self._allowed: dict[str, set[str]] = defaultdict(set)
        for example in tagged:
            names = {span.entity for span in example.entities}
            self._allowed[example.intent] |= names & LABELS.keys()
        training = [example for example in examples if example.intent in self._allowed]
        self.command_words = frozenset(
            word.text
            for example in training
            for word, label in label_words(example)
            if label in COMMANDS
        )
        self._around = _said_around_content(training)
        self._vectorizer = FeatureHasher(_WIDTH, dtype=np.float32, alternate_sign=False)
        kept = self._learn(training, tagged) if kept is None else kept
        self._labels = [str(label) for label in kept["labels"]]
        self._weights = np.asarray(kept["weights"], np.float32)
        self._offsets = np.asarray(kept["offsets"], np.float32)
        self._column = {label: i for i, label in enumerate(self._labels)}

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what was learned."""
        labels = np.array(self._labels)
        return {"labels": labels, "weights": self._weights, "offsets": self._offsets}

    def has_content(self, text: str) -> bool:
        """Whether a text has a word that is not usually said around content, as "show me" is."""
        words = (word.text for word in split_words(text))
        return any(word not in self._around and not word.isdigit() for word in words)

    def tag(self, text: str, intent: str, correct: Callable[[str], str] = str) -> list[Span]:
        """Return the entities, in the order of the text.

        Args:
            text: what was said.
            intent: what it was understood as.
            correct: returns the word that a typing error was meant for.
        """
        words = [replace(word, text=correct(word.text)) for word in split_words(text)]
        allowed = self._allowed.get(intent, set())
        if not words or not allowed:
            return []
        features = self._vectorizer.transform(self._features(words, intent))
        probabilities = softmax(features @ self._weights.T + self._offsets, axis=1)
        # Only what this intent can have: "three kayakers" in a search names no position.
        possible = COMMANDS | {LABELS[name] for name in allowed}
        for label, column in self._column.items():
            if label not in possible:
                probabilities[:, column] = 0.0
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        found = self._content(text, words, probabilities, allowed)
        if "position" in allowed:
            found += self._positions(words, probabilities)
        if "rating" in allowed:
            found += self._rating(words, probabilities)
        return sorted(found, key=lambda span: span.start)

    def _learn(
        self, training: Sequence[Example], tagged: Sequence[Example]
    ) -> dict[str, npt.NDArray[Any]]:
        """Return the weights (labels, features) and offsets (labels) of the regression."""
        rows: list[dict[str, Any]] = []
        labels: list[str] = []
        choose = random.Random(0)  # noqa: S311 - no secret; the same examples, the same tagger
        for example in training:
            words, wanted = zip(*label_words(example), strict=True)
            rows += self._features(words, example.intent)
            labels += wanted
        for example in vary(tagged, choose):
            words, wanted = zip(*label_words(example), strict=True)
            sure = example.entities[0].entity != "query"  # "bring back": what else would tell?
            rare = {} if sure else _HIDDEN
            hidden = [choose.random() < rare.get(label, _HIDDEN_ELSE) for label in wanted]
            rows += self._features(words, example.intent, hidden)
            labels += wanted
        classifier = LogisticRegression(max_iter=300, tol=2e-3)
        with one_thread():
            classifier.fit(self._vectorizer.transform(rows), labels)
        return {
            "labels": classifier.classes_,
            "weights": classifier.coef_,
            "offsets": classifier.intercept_,
        }

    def _content(
        self,
        text: str,
        words: Sequence[Word],
        probabilities: npt.NDArray[Any],
        allowed: set[str],
    ) -> list[Span]:
        """Return the one span of content, named for what most of it is."""
        names = [name for name in CONTENT_ENTITIES if name in allowed]
        if not names:
            return []
        labels = sorted({LABELS[name] for name in names})
        shares = probabilities[:, [self._column[label] for label in labels]]
        commands = probabilities[:, [self._column[label] for label in (BEFORE, BEHIND, OUTSIDE)]]
        before, behind, outside = np.log(np.maximum(commands, _LEAST_SHARE)).T
        content = np.log(np.maximum(shares.sum(axis=1), _LEAST_SHARE)) + _LEANING
        span = best_span(np.maximum(before, outside), content, np.maximum(behind, outside))
        if span is None:
            return []
        label = labels[int(shares[span[0] : span[1]].sum(axis=0).argmax())]
        entity = next(name for name in names if LABELS[name] == label)
        start, end = words[span[0]].start, words[span[1] - 1].end
        return [Span(entity, text[start:end], start, end)]

    def _positions(self, words: Sequence[Word], probabilities: npt.NDArray[Any]) -> list[Span]:
        """Return all that are named; "the first two" are two, "the one on the right" is one."""
        shares = probabilities[:, self._column[POSITION]]
        found: list[Span] = []
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
                found += [Span("position", each, word.start, following.end) for each in span]
                at += 1
            else:
                found.append(Span("position", value, word.start, word.end))
            at += 1
        return found

    def _rating(self, words: Sequence[Word], probabilities: npt.NDArray[Any]) -> list[Span]:
        best = probabilities.argmax(axis=1) == self._column[RATING]
        chosen = [word for word, is_rating in zip(words, best, strict=True) if is_rating]
        if not chosen:
            return []
        start, end = chosen[0].start, chosen[-1].end
        value = self.normalizer.rating(" ".join(word.text for word in chosen))
        return [] if value is None else [Span("rating", value, start, end)]

    def _features(
        self, words: Sequence[Word], intent: str, hidden: Sequence[bool] = ()
    ) -> list[dict[str, Any]]:
        """Return a row for each word; the hidden ones are unknown, as new words will be."""
        shown = [
            "<content>" if hidden and hidden[i] else self._shape(word.text, intent)
            for i, word in enumerate(words)
        ]
        padded = ["<s>"] * _WINDOW + shown + ["</s>"] * _WINDOW
        content = [i for i, shape in enumerate(shown) if shape == "<content>"]
        strong = [word.mark in _STRONG_MARKS and bool(word.mark) for word in words]
        before_mark = [any(strong[: i + 1]) for i in range(len(words))]
        after_mark = [any(strong[i + 1 :]) for i in range(len(words))]
        clauses = _clauses(words, shown)
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
            row["place from the end"] = min(len(words) - 1 - i, 5)
            row |= clauses[i]
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
        return word if word in self.command_words else "<content>"


def _said_around_content(examples: Sequence[Example]) -> frozenset[str]:
    """Return the words that are command words more often than content."""
    balance: Counter[str] = Counter()
    for example in examples:
        for word, label in label_words(example):
            balance[word.text] += 1 if label in COMMANDS else -1
    return frozenset(word for word, surplus in balance.items() if surplus > 0)


def one_thread() -> AbstractContextManager[object]:
    """Keep BLAS to one thread: on matrices this small its threads only wait for each other."""
    limits: AbstractContextManager[object] = threadpool_limits(limits=1, user_api="blas")
    return limits


def best_span(
    before: npt.NDArray[Any], content: npt.NDArray[Any], behind: npt.NDArray[Any]
) -> tuple[int, int] | None:
    """Return the [start, end) with the highest sum, or None where no content is better.

    Args:
        before: for each word the logarithm of the probability that it stands before the content.
        content: the same for being content.
        behind: the same for standing behind it.
    """
    if not len(content):
        return None
    # What a span gains over command words alone: each start with its best end behind it.
    starts = np.concatenate([[0.0], np.cumsum(before - content)[:-1]])
    ends = np.cumsum(content - behind)
    best_start = np.maximum.accumulate(starts)
    end = int((best_start + ends).argmax())
    start = int(starts[: end + 1].argmax())
    none = float(np.maximum.accumulate(np.cumsum(before) - np.cumsum(behind)).max())
    return (start, end + 1) if starts[start] + ends[end] > max(none, 0.0) else None


def _clauses(words: Sequence[Word], shown: Sequence[str]) -> list[dict[str, Any]]:
    """Return for each word what its clause looks like, the same for all words of a clause.

    "…, if that suits you" is told from content by how it begins, and by having no word that is
    never a command word.
    """
    starts = [
        i for i, word in enumerate(words) if not i or (word.mark in _CLAUSE_MARKS and word.mark)
    ]
    rows: list[dict[str, Any]] = []
    for k, (start, end) in enumerate(zip(starts, [*starts[1:], len(words)], strict=True)):
        clause = shown[start:end]
        place = f"{k == 0} {end == len(words)}"
        unknown = clause.count("<content>")
        row = {
            "clause place": place,
            "clause begins": f"{place} {clause[0]}",
            "clause begins with two": f"{place} {' '.join(clause[:2])}",
            "clause ends": f"{place} {clause[-1]} {words[end - 1].after}",
            "clause unknown": f"{place} {min(unknown, 3)}",
            "clause share": f"{place} {4 * unknown // len(clause)}",
            "clause length": f"{place} {min(len(clause), 8)}",
            "clause mark": f"{place} {words[start].mark} {words[end - 1].after}",
        }
        rows += [row] * len(clause)
    return rows
