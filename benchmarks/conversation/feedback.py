"""One "more like this", one "not that one": how far the target moves."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.conversation.data import DEEP, World, plain, rank_of
from retrieval.search.query import Query

SHOWN = 6


def simulate_feedback(world: World, users: int) -> dict[str, Any]:
    """Return the target's rank before and after, for users who do not find it on the screen.

    The picture liked is the one of the six that looks most like the target, the one disliked
    looks least like it: what somebody with the target in mind would say. Beyond 100 a rank counts
    as 101.
    """
    store = world.bundle.store
    rows = store.rows_of(world.ids)
    ranks: dict[str, list[int]] = {"before": [], "after_like": [], "after_dislike": []}
    for user in range(users):
        query = Query(texts=(plain(world.captions[user][0]),))
        found = world.search(query, DEEP)
        target, screen = world.ids[user], found[:SHOWN]
        if target in screen:
            continue
        own = store.vectors(rows[user : user + 1])[0]
        likeness = store.vectors(store.rows_of(screen)) @ own
        liked, disliked = screen[int(likeness.argmax())], screen[int(likeness.argmin())]
        # What was judged is out of the next ranking, so it is out of the one before too.
        ranks["before"].append(rank_of(target, found, without=liked))
        ranks["after_like"].append(rank_of(target, world.search(query.like(liked), DEEP)))
        after = world.search(query.dislike(disliked), DEEP)
        ranks["after_dislike"].append(rank_of(target, after))
    return {
        "users": len(ranks["before"]),
        **{
            name: {
                "median_rank": float(np.median(values)),
                "mean_reciprocal_rank": round(float(np.mean(1 / np.array(values))), 4),
                "recall_at_10": round(100 * float(np.mean(np.array(values) <= 10)), 1),
            }
            for name, values in ranks.items()
        },
    }
