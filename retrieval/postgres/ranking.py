"""BM25 in the database: the embedded store's formula over the same stems (see word_index.py)."""

from collections.abc import Sequence
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

__all__ = ["rank_by_words"]

# Rounded to float4 before they are compared: a sum in another order must not break a tie.
_STATEMENT = """
SELECT picture, sum(weight * frequency * (%s + 1) / (frequency + %s * (1 - %s + %s * length / %s)))
       ::float4 AS score, bit_or(1::bigint << place)
FROM unnest(%s::text[], %s::float8[], %s::integer[]) AS word (stem, weight, place)
JOIN postings USING (stem)
WHERE {condition}
GROUP BY picture ORDER BY score DESC, picture LIMIT %s
"""


def rank_by_words(
    reader: Reader,
    version: StoredVersion,
    statistics: Statistics,
    words: Sequence[str],
    k: int,
    within: Condition | None,
    barred: Sequence[int],
) -> WordHits:
    """Return the `k` pictures of a version whose captions fit some words best, or fewer.

    Args:
        reader: of the database.
        version: which one.
        statistics: its counts.
        words: lower-cased, each once.
        k: how many at most.
        within: what holds for the pictures that may come; None means all.
        barred: rows that must not come.
    """
    words = words[:MOST_WORDS]
    weights = [rarity(statistics.holders(word), version.count) for word in words]
    condition = "since <= %s AND until > %s"
    values: tuple[Any, ...] = (version.number, version.number)
    if within is not None:
        condition += f" AND picture IN (SELECT id FROM pictures WHERE {within.text})"  # noqa: S608
        values += within.values
    if barred:
        condition += " AND picture <> ALL(%s::bigint[])"
        values += (list(barred),)
    mean_length = max(version.words / max(version.count, 1), 1e-9)
    stems = [fit(regular_stem(word)) for word in words]
    rows = reader.fetch(
        _STATEMENT.format(condition=condition),
        (*(K1, K1, B, B, mean_length), stems, weights, [*range(len(words))], *values, k),
    )
    ids = np.array([row for row, *_ in rows], np.int64)
    scores = np.array([score for _, score, _ in rows], np.float32)
    places = np.array([bits for *_, bits in rows], np.int64)
    holds = (places[:, np.newaxis] >> np.arange(len(words))) & 1
    order = best_first(scores, ids)
    return WordHits(ids[order], scores[order], holds[order].astype(np.bool_))
