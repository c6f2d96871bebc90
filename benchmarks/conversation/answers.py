"""Whether answers are sure when they should be, when questions are asked, how long a turn takes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.conversation.data import World, percent, plain
from retrieval.search.query import Query

# Nothing of the kind is among Flickr8k's photographs.
ELSEWHERE = (
    "the surface of the moon seen from a spaceship",
    "an x-ray of a broken wrist",
    "a spreadsheet with sales figures",
    "a page of sheet music",
    "a chess board in the middle of a game",
    "the skeleton of a dinosaur in a museum",
    "a bowl of ramen with a boiled egg",
    "a map of the subway",
    "a bar chart about inflation",
    "a circuit board with chips",
    "penguins on an iceberg",
    "a wind turbine at sunrise",
    "a microscope photo of bacteria",
    "an old typewriter on a desk",
    "a passport and a boarding pass",
    "a jar of pickles on a shelf",
    "a screenshot of a terminal",
    "the pyramids of Giza",
    "a logo of a bank",
    "a bottle of perfume on marble",
)
SHORT = ("a dog", "a man", "a woman", "children", "a boy", "a girl", "people", "a dog running")


def measure_answers(world: World, users: int) -> dict[str, Any]:
    """Return shares in percent of answers refused and of questions asked, and times in ms."""
    captions = [plain(own[0]) for own in world.captions[:users]]
    refused = {"captions": captions, "not_in_the_gallery": list(ELSEWHERE)}
    asked = {"captions": captions, "short_requests": list(SHORT)}
    return {
        "refused": {
            name: percent([not _confident(world, text) for text in texts])
            for name, texts in refused.items()
        },
        "question_asked": {
            name: percent([bool(_labels(world, text)) for text in texts])
            for name, texts in asked.items()
        },
        "questions": {text: _labels(world, text) for text in SHORT},
        "median_ms": _times(world, captions[:100]),
    }


def _confident(world: World, text: str) -> bool:
    return bool(world.searcher.search(Query(texts=(text,))).confident)


def _labels(world: World, text: str) -> list[str]:
    query = Query(texts=(text,))
    return [group.label for group in world.searcher.groups(query, world.searcher.search(query))]


def _times(world: World, captions: list[str]) -> dict[str, float]:
    """Return medians of a turn whose texts were encoded before, and of the groups."""
    searches, groups = [], []
    for caption in captions:
        query = Query(texts=(caption,)).exclude("dogs")
        world.searcher.search(query)
        start = time.perf_counter()
        result = world.searcher.search(query)
        between = time.perf_counter()
        world.searcher.groups(query, result)
        searches.append(between - start)
        groups.append(time.perf_counter() - between)
    return {
        "search_without_encoding": round(1000 * float(np.median(searches)), 1),
        "groups": round(1000 * float(np.median(groups)), 1),
    }
