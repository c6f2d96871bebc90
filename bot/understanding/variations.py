"""What the tagger learns from: the words of the examples, labelled, and variations of them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from bot.understanding.rasa_project import EntitySpan, Example
from bot.wording.text import Word, split_words

CONTENT_ENTITIES = ("query", "excluded", "allowed")
OUTSIDE, CONTENT, ALLOWED = "outside", "content", "allowed"
BEFORE, BEHIND = "before", "behind"
POSITION, RATING = "position", "rating"
LABELS = {
    "query": CONTENT,
    "excluded": CONTENT,
    "allowed": ALLOWED,
    "position": POSITION,
    "rating": RATING,
}
# What command words are, where there is content and where there is none.
COMMANDS = frozenset({OUTSIDE, BEFORE, BEHIND})

_COPIES = 4
# Share of the copies whose words before or behind the content are another example's.
_RECOMBINED = 0.4
# Share of the copies of searches whose content goes on with that of a refinement.
_LENGTHENED = 0.4


def label_words(example: Example) -> list[tuple[Word, str]]:
    """Return the words of an example, each with what it is: one of the labels."""
    labelled = []
    for word in split_words(example.text):
        label = OUTSIDE
        for span in example.entities:
            if word.start < span.end and span.start < word.end:
                label = LABELS.get(span.entity, OUTSIDE)
        labelled.append((word, label))
    inside = [i for i, (_, label) in enumerate(labelled) if label in (CONTENT, ALLOWED)]
    return [
        (word, _side(i, inside) if label == OUTSIDE else label)
        for i, (word, label) in enumerate(labelled)
    ]


def _side(at: int, inside: Sequence[int]) -> str:
    """Return whether a command word stands before or behind the content, if there is content."""
    if not inside:
        return OUTSIDE
    return BEFORE if at < inside[0] else BEHIND


def vary(examples: Sequence[Example], choose: random.Random) -> list[Example]:
    """Return copies of the examples with other content in the place of theirs.

    Some requests have the words before it of one example and the words behind it of another: what
    can be said before content goes with nearly all that can be said behind it. Not so what tells
    whether something is excluded or allowed again.
    """
    pools: dict[tuple[str, str], list[str]] = defaultdict(list)
    before: dict[tuple[str, str], list[str]] = defaultdict(list)
    behind: dict[tuple[str, str], list[str]] = defaultdict(list)
    for example in examples:
        for span in example.entities:
            pools[example.intent, span.entity].append(example.text[span.start : span.end])
        if len(example.entities) == 1:
            (span,) = example.entities
            if example.text[: span.start]:
                before[example.intent, span.entity].append(example.text[: span.start])
            if example.text[span.end :]:
                behind[example.intent, span.entity].append(example.text[span.end :])
    fragments = [text for text in pools["refine_search", "query"] if " " in text] or [""]
    varied = []
    for example in examples:
        if len(example.entities) != 1 or example.entities[0].entity not in CONTENT_ENTITIES:
            continue
        span = example.entities[0]
        kind = example.intent, span.entity
        for content in choose.choices(pools[kind], k=_COPIES):
            if example.intent == "search_images" and choose.random() < _LENGTHENED:
                content += " " + choose.choice(fragments)
            start, rest = example.text[: span.start], example.text[span.end :]
            mixed = span.entity == "query" and choose.random() < _RECOMBINED
            if mixed and (start or rest):
                if start and behind[kind]:
                    rest = choose.choice(behind[kind])
                elif before[kind]:
                    start = choose.choice(before[kind])
            place = EntitySpan(span.entity, len(start), len(start) + len(content))
            varied.append(Example(start + content + rest, example.intent, (place,)))
    return varied
