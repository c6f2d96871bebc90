"""Users who say one more thing each turn, and several ways to put the turns together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.conversation.data import DEEP, ROUNDS, World, percent, plain, rank_of
from retrieval.search.query import Query

K = 10


def simulate_rounds(world: World, users: int) -> dict[str, Any]:
    """Return Recall@10 of each round, Hits@10 up to it, in percent, and BRI, for each way."""
    return {name: _play(world, users, ask) for name, ask in WAYS.items()}


def check_goals(among_dev: dict[str, Any], among_all: dict[str, Any]) -> dict[str, Any]:
    """Return what is asked of the rounds, for the way that is in use."""
    way = "averaged_and_seen_step_back"
    dev, everything = among_dev[way], among_all[way]
    misses = [100 - dev["hits"][0], 100 - dev["hits"][-1]]
    return {
        "recall_rises_every_round": all(
            np.all(np.diff(found["recall"]) > 0) for found in (dev, everything)
        ),
        "dev_misses_ratio_hits": round(misses[1] / misses[0], 2),
        "dev_misses_ratio_recall": round((100 - dev["recall"][-1]) / (100 - dev["recall"][0]), 2),
        "all_gain_hits": round(everything["hits"][-1] / everything["hits"][0], 2),
        "all_gain_recall": round(everything["recall"][-1] / everything["recall"][0], 2),
    }


Ask = Callable[[Query, list[str], list[str]], Query]
"""The running query, the captions told so far and what is on the screen -> the next query."""

WAYS: dict[str, Ask] = {
    "joined_texts": lambda _query, told, _screen: Query(texts=(". ".join(told),)),
    "averaged": lambda query, told, _screen: query.refine(told[-1]),
    "averaged_and_seen_step_back": lambda query, told, screen: query.refine(told[-1], screen),
}


def best_log_rank_integral(ranks: NDArray[np.int64]) -> float:
    """Return BRI: the area below the logarithm of the best rank so far; 0 is perfect.

    Unlike Hits@10 it knows no boundary, and rewards a picture that is found early.

    Args:
        ranks: (users, turns) of the picture that is meant, from 1.

    Source: Lee et al. (2024), "Interactive Text-to-Image Retrieval with Large Language Models: A
    Plug-and-Play Approach", section 4.
    """
    logarithms = np.log(np.minimum.accumulate(ranks, axis=1))
    return float(np.trapezoid(logarithms, axis=1).mean()) / float(ranks.shape[1] - 1)


def _play(world: World, users: int, ask: Ask) -> dict[str, Any]:
    ranks = np.zeros((users, ROUNDS), np.int64)
    for user in range(users):
        query, screen = Query(), list[str]()
        for turn in range(ROUNDS):
            told = [plain(text) for text in world.captions[user][: turn + 1]]
            query = ask(query, told, screen)
            found = world.search(query, DEEP)
            screen = found[:K]
            ranks[user, turn] = rank_of(world.ids[user], found)
    found_now = ranks <= K
    return {
        "recall": [percent(found_now[:, turn]) for turn in range(ROUNDS)],
        "hits": [percent(found_now[:, : turn + 1].any(axis=1)) for turn in range(ROUNDS)],
        "bri": round(best_log_rank_integral(ranks), 3),
    }
