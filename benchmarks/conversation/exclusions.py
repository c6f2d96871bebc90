"""Users who say "no dogs": how many of the first ten still show dogs, by all their captions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.conversation.data import DEEP, World, plain, rank_of
from retrieval.search.query import Query

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


PEOPLE = "people|persons?|man|men|woman|women|child|children|boys?|girls?|bab(?:y|ies)|toddlers?"
GENERAL = {
    "people": f"{PEOPLE}|kids?|lad(?:y|ies)|guys?|adults?|teenagers?|couples?|crowds?",
    "children": "child|children|kids?|boys?|girls?|bab(?:y|ies)|toddlers?",
    "adults": "adults?|man|men|woman|women|lad(?:y|ies)",
    "animals": "animals?|dogs?|pupp(?:y|ies)|cats?|horses?|birds?|cows?|sheep|ducks?|goats?",
    "pets": "pets?|dogs?|pupp(?:y|ies)|cats?|kittens?",
    "vehicles": "vehicles?|cars?|trucks?|bus(?:es)?|vans?|motorcycles?|motorbikes?|tractors?",
    "boats": "boats?|ships?|sailboats?|kayaks?|canoes?|rafts?",
    "clothes": "shirts?|jackets?|coats?|dress(?:es)?|pants|jeans|shorts|hats?|suits?|skirts?",
}
"""General words, and what a caption may say of a picture that shows one of their kind."""


class Asked(NamedTuple):
    """What one user saw, before and after saying what is not wanted.

    Attributes:
        share: of the first ten that show the thing.
        rank: of the picture that is looked for.
    """

    share: tuple[float, float]
    rank: tuple[int, int]


def simulate_exclusions(world: World, users: int) -> dict[str, Any]:
    """Return for each thing the share of the first ten that show it, and what is still found.

    `general` is the same for general words, which exclude what they comprise.

    The users look for a picture without the thing, in words that bring up at least two with it,
    and then say that they do not want it. "recall" is whether their picture is among the ten, and
    the ranks are those of their picture, 101 beyond 100.
    """
    deep = [world.search(Query(texts=(plain(world.captions[u][0]),)), DEEP) for u in range(users)]
    return _exclude_each(world, deep, THINGS) | {"general": _exclude_each(world, deep, GENERAL)}


def _exclude_each(
    world: World, deep: Sequence[list[str]], wordings: Mapping[str, str]
) -> dict[str, Any]:
    """Return what becomes of each thing, and of all of them.

    Args:
        world: the gallery.
        deep: what each user has found before.
        wordings: how captions name each thing.
    """
    place = {image_id: i for i, image_id in enumerate(world.ids)}
    things: dict[str, Any] = {}
    totals: list[Asked] = []
    for thing, words in wordings.items():
        shows = world.mentions(words)
        asked: list[Asked] = []
        for user, found in enumerate(deep):
            before = found[:K]
            count = sum(shows[place[i]] for i in before)
            if shows[user] or count < LEAST_BEFORE or len(asked) == MOST_USERS:
                continue
            query = Query(texts=(plain(world.captions[user][0]),)).exclude(thing)
            narrowed = world.search(query, DEEP)
            after, target = narrowed[:K], world.ids[user]
            asked.append(
                Asked(
                    share=(
                        count / len(before),
                        float(np.mean([shows[place[i]] for i in after])) if after else 0.0,
                    ),
                    rank=(rank_of(target, found), rank_of(target, narrowed)),
                )
            )
        if asked:
            things[thing] = {"users": len(asked), **_means(asked)}
            totals += asked
    return {"all": {"users": len(totals), **_means(totals)}, "things": things}


def _means(asked: list[Asked]) -> dict[str, float]:
    before, after = np.mean([one.share for one in asked], axis=0)
    ranks = np.array([one.rank for one in asked])
    recall_before, recall_after = (ranks <= K).mean(axis=0)
    return {
        "share_before": round(100 * before, 1),
        "share_after": round(100 * after, 1),
        "share_ratio": round(after / before, 2),
        "recall_before": round(100 * recall_before, 1),
        "recall_after": round(100 * recall_after, 1),
        "recall_ratio": round(recall_after / recall_before, 2) if recall_before else 1.0,
        "median_rank_before": float(np.median(ranks[:, 0])),
        "median_rank_after": float(np.median(ranks[:, 1])),
    }
