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
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from bot.understanding.features import (
    UNKNOWN,
    WIDTH,
    hashed,
    softmax,
    times,
    to_matrix,
    word_features,
)
from bot.understanding.rasa_project import Example
from bot.understanding.reading import Span
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
from bot.wording.text import Normalizer, Word, split_words

# Share of words made unknown while learning, as new command words will be.
_HIDDEN = {BEFORE: 0.06, BEHIND: 0.12}
_HIDDEN_ELSE = 0.02
# Bounds the probabilities, so that one odd word in the middle does not cut the content in two.
_LEAST_SHARE = 0.1
# Losing a word of the content costs more than keeping a command word.
_LEANING = 0.3
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
        labelled = [pair for example in training for pair in label_words(example)]
        self._command_words = {word.text for word, label in labelled if label in COMMANDS}
        self._around = _said_around_content(labelled)
        kept = self._learn(training, tagged) if kept is None else kept
        self._labels = [str(label) for label in kept["labels"]]
        self._weights = np.ascontiguousarray(kept["weights"], np.float32)
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
        words = [word._replace(text=correct(word.text)) for word in split_words(text)]
        allowed = self._allowed.get(intent, set())
        if not words or not allowed:
            return []
        features = map(hashed, self._features(words, intent))
        probabilities = softmax(
            np.stack([times(row, self._weights) for row in features]) + self._offsets
        )
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
        """Return the weights (features, labels) and offsets (labels) of the regression."""
        # Lazily: importing it takes longer than the rest of a server's start.
        from sklearn.linear_model import LogisticRegression

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
        with threadpool_limits(1, user_api="blas"):  # its threads would only wait for each other
            classifier.fit(to_matrix([hashed(row) for row in rows], WIDTH), labels)
        return {
            "labels": classifier.classes_,
            "weights": classifier.coef_.T,
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
            UNKNOWN if hidden and hidden[i] else self._shape(word.text, intent)
            for i, word in enumerate(words)
        ]
        return word_features(words, shown, intent, self.normalizer)

    def _shape(self, word: str, intent: str) -> str:
        if "position" not in self._allowed[intent] and self.normalizer.count(word):
            return UNKNOWN  # "three kayakers"
        return word if word in self._command_words else UNKNOWN


def _said_around_content(labelled: Sequence[tuple[Word, str]]) -> frozenset[str]:
    """Return the words that are command words more often than content."""
    balance: Counter[str] = Counter()
    for word, label in labelled:
        balance[word.text] += 1 if label in COMMANDS else -1
    return frozenset(word for word, surplus in balance.items() if surplus > 0)


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
