"""BM25 in the database: the embedded store's formula over the same stems (see word_index.py)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrieval.postgres.database import Reader
from retrieval.postgres.rows import StoredVersion
from retrieval.postgres.statistics import Statistics
from retrieval.postgres.terms import Condition, fit
from retrieval.store.order import best_first
from retrieval.store.protocol import WordHits
from retrieval.store.word_index import K1, MOST_WORDS, B, rarity
from retrieval.store.words import regular_stem

__all__ = ["Within", "rank_by_words"]

# Rounded to float4 before they are compared: a sum in another order must not break a tie.
_BEST = """
SELECT picture, sum(weight * frequency * (%s + 1) / (frequency + %s * (1 - %s + %s * length / %s)))
       ::float4 AS score, bit_or(1::bigint << place) AS places
FROM unnest(%s::text[], %s::float8[], %s::integer[]) AS word (stem, weight, place)
JOIN postings USING (stem)
WHERE {condition}
GROUP BY picture ORDER BY score DESC, picture LIMIT %s
"""
_BEST_WITHIN = f"""
WITH best AS MATERIALIZED ({_BEST})
SELECT picture, score, places, (SELECT count(*) FROM best) FROM best
WHERE EXISTS (SELECT FROM pictures WHERE id = picture AND {{within}})
ORDER BY score DESC, picture LIMIT %s
"""  # noqa: S608 - fixed parts
# Read once: of how many pictures hold a stem the planner knows little.
_BEST_LEFT = (
    "WITH left_over AS MATERIALIZED (SELECT id FROM pictures WHERE {within})"  # noqa: S608 - fixed parts
    + _BEST.replace("{condition}", "{condition} AND picture IN (SELECT id FROM left_over)")
)
_AMPLE = 2
"""So many times as many as should be left by a filter are looked at."""


@dataclass(frozen=True)
class Within:
    """What pictures may come.

    Attributes:
        condition: that holds for them.
        left: how many they are.
    """

    condition: Condition
    left: int


def rank_by_words(
    reader: Reader,
    version: StoredVersion,
    statistics: Statistics,
    words: Sequence[str],
    k: int,
    within: Within | None,
    barred: Sequence[int],
) -> WordHits:
    """Return the `k` pictures of a version whose captions fit some words best, or fewer.

    Args:
        reader: of the database.
        version: which one.
        statistics: its counts.
        words: lower-cased, each once.
        k: how many at most.
        within: which may come; None means all.
        barred: rows that must not come.
    """
    words = words[:MOST_WORDS]
    weights = [rarity(statistics.holders(word), version.count) for word in words]
    condition = "since <= %s AND until > %s"
    values: tuple[Any, ...] = (version.number, version.number)
    if barred:
        condition += " AND picture <> ALL(%s::bigint[])"
        values += (list(barred),)
    mean_length = max(version.words / max(version.count, 1), 1e-9)
    stems = [fit(regular_stem(word)) for word in words]
    asked = (*(K1, K1, B, B, mean_length), stems, weights, [*range(len(words))], *values)
    if within is None:
        rows = reader.fetch(_BEST.format(condition=condition), (*asked, k))
    else:
        rows = _best_within(reader, condition, asked, k, within, version.count)
    ids = np.array([row[0] for row in rows], np.int64)
    scores = np.array([row[1] for row in rows], np.float32)
    places = np.array([row[2] for row in rows], np.int64)
    holds = (places[:, np.newaxis] >> np.arange(len(words))) & 1
    order = best_first(scores, ids)
    return WordHits(ids[order], scores[order], holds[order].astype(np.bool_))


def _best_within(
    reader: Reader,
    condition: str,
    asked: tuple[Any, ...],
    k: int,
    within: Within,
    count: int,
) -> list[tuple[Any, ...]]:
    """Return the best rows of those that may come.

    Rows of pictures are large, so as few of them as can be are looked at: the best of all one after
    the other, or, where a filter leaves fewer than that, those that it leaves.
    """
    inside, most = within.condition, _AMPLE * k * count // max(within.left, 1)
    if most < within.left:
        rows = reader.fetch(
            _BEST_WITHIN.format(condition=condition, within=inside.text),
            (*asked, most, *inside.values, k),
        )
        looked_at = rows[0][3] if rows else most
        if len(rows) == k or looked_at < most:
            return rows
    return reader.fetch(
        _BEST_LEFT.format(condition=condition, within=inside.text), (*inside.values, *asked, k)
    )
