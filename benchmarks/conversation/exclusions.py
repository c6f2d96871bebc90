"""Users who say "no dogs": how many of the first ten still show dogs, by their hidden captions."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.conversation.data import World, plain
from retrieval.query import Query

K = 10
LEAST_BEFORE = 2
MOST_USERS = 25

THINGS = {
    "dogs": "dogs?",
    "men": "man|men",
    "women": "woman|women",
    "children": "child|children",
    "boys": "boys?",
    "girls": "girls?",
    "people": "people|persons?",
    "water": "water",
    "snow": "snow|snowy",
    "the beach": "beach|beaches",
    "grass": "grass|grassy",
    "balls": "balls?",
    "bikes": "bikes?|bicycles?",
    "cars": "cars?",
    "trees": "trees?",
    "streets": "streets?",
    "mountains": "mountains?",
    "red shirts": "red shirts?",
    "hats": "hats?",
}


def simulate_exclusions(world: World, users: int) -> dict[str, Any]:
    """Return for each thing the share of the first ten that show it, and what is still found.

    The users look for a picture without the thing, in words that bring up at least two with it,
    and then say that they do not want it. "recall" is whether their picture is among the ten.
    """
    first = [world.search(Query(texts=(plain(world.captions[u][0]),)), K) for u in range(users)]
    place = {image_id: i for i, image_id in enumerate(world.ids)}
    things: dict[str, Any] = {}
    totals: list[tuple[float, float, float, float]] = []
    for thing, words in THINGS.items():
        shows = world.mentions(words)
        asked: list[tuple[float, float, float, float]] = []
        for user, before in enumerate(first):
            count = sum(shows[place[i]] for i in before)
            if shows[user] or count < LEAST_BEFORE or len(asked) == MOST_USERS:
                continue
            query = Query(texts=(plain(world.captions[user][0]),)).exclude(thing)
            after = world.search(query, K)
            target = world.ids[user]
            asked.append(
                (
                    count / len(before),
                    float(np.mean([shows[place[i]] for i in after])) if after else 0.0,
                    float(target in before),
                    float(target in after),
                )
            )
        if asked:
            things[thing] = {"users": len(asked), **_means(asked)}
            totals += asked
    return {"all": {"users": len(totals), **_means(totals)}, "things": things}


def _means(asked: list[tuple[float, float, float, float]]) -> dict[str, float]:
    before, after, recall_before, recall_after = np.mean(asked, axis=0)
    return {
        "share_before": round(100 * before, 1),
        "share_after": round(100 * after, 1),
        "share_ratio": round(after / before, 2),
        "recall_before": round(100 * recall_before, 1),
        "recall_after": round(100 * recall_after, 1),
        "recall_ratio": round(recall_after / recall_before, 2) if recall_before else 1.0,
    }
