"""BM25 over the postings in the database: the embedded store's formula, stems and order."""

from collections.abc import Sequence

import numpy as np

from retrieval.postgres.postings import Postings
from retrieval.postgres.rows import StoredVersion
from retrieval.postgres.scopes import Scopes
from retrieval.postgres.terms import fit
from retrieval.store.protocol import Scope, WordHits
from retrieval.store.word_index import MOST_WORDS, best_by_words
from retrieval.store.words import regular_stem

__all__ = ["rank_by_words"]

_AMPLE = 2
"""So many times as many as should be left by a filter are looked at."""
_MORE = 8


def rank_by_words(
    version: StoredVersion,
    postings: Postings,
    scopes: Scopes,
    words: Sequence[str],
    k: int,
    scope: Scope,
) -> WordHits:
    """Return the `k` pictures of a version whose captions fit some words best, or fewer.

    Args:
        version: which one.
        postings: of the version.
        scopes: of the version.
        words: lower-cased, each once.
        k: how many at most.
        scope: which may come.
    """
    holders = postings.of([fit(regular_stem(word)) for word in words[:MOST_WORDS]])
    left, allowed = scopes.left(scope.filters), scopes.allowed(scope)
    if not scope.filters or left.rows is not None:
        return best_by_words(holders, version.count, k, allowed)
    most = _AMPLE * k * version.count // max(left.count, 1)
    while True:
        best = best_by_words(holders, version.count, most, allowed)
        fits = np.isin(best.rows, scopes.fitting(best.rows, scope.filters))
        if fits.sum() >= k or len(best.rows) < most:
            stays = np.flatnonzero(fits)[:k]
            return WordHits(best.rows[stays], best.scores[stays], best.holds[stays])
        most *= _MORE
