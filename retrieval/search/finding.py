"""What a query asks of the store: its vectors, and three rankings of the pictures.

They are ranked by the cosine to the query's vector (vision), by BM25 over captions, and by what the
captions mean (their vectors' cosine to the text's).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from retrieval.search.encoding import Encoded
from retrieval.search.fusion import Rankings
from retrieval.search.general_words import comprised
from retrieval.search.phrases import Phrases
from retrieval.search.query import Query, combine_texts, compose
from retrieval.search.reasons import Signals
from retrieval.search.vision import Trait, VisionRanking
from retrieval.store.protocol import Scope, Store
from retrieval.store.words import valid_text

__all__ = ["Finder"]


class Finder:
    """Ranks a store's pictures in each of the three ways; safe to use from several threads.

    Args:
        store: the gallery.
        vision: ranks by looks.
        phrases: how phrases look.
        picture_weight: see cosines.py.
        meaning: False leaves out what captions mean.
    """

    def __init__(
        self,
        store: Store,
        vision: VisionRanking,
        phrases: Phrases,
        *,
        picture_weight: float,
        meaning: bool,
    ) -> None:
        self._store = store
        self._vision = vision
        self._phrases = phrases
        self._picture_weight = picture_weight
        self._use_meaning = meaning

    def signals(
        self, texts: Sequence[str], encoded: Encoded, liked: Sequence[int], disliked: Sequence[int]
    ) -> Signals:
        """Return the vectors of a query.

        Args:
            texts: of the query, none blank.
            encoded: their vectors, and that of the upload.
            liked: rows.
            disliked: rows.
        """
        vectors = [encoded.texts[valid_text(text)] for text in texts]
        nothing = np.zeros((0, self._store.dimension), np.float32)
        wanted = np.stack(vectors) if vectors else nothing
        plus, minus = self._store.vectors(liked), self._store.vectors(disliked)
        weight = self._picture_weight
        return Signals(
            query=compose(wanted, encoded.image, plus, minus, weight),
            without_feedback=compose(wanted, encoded.image, nothing, nothing, weight),
            texts=combine_texts(wanted) if len(wanted) else None,
        )

    def unwanted(self, excluded: Sequence[str], encoded: Encoded) -> dict[str, Trait]:
        """Return how each exclusion that has words looks."""
        traits: dict[str, Trait] = {}
        for phrase in excluded:
            direction = self._phrases.with_kinds(phrase, encoded.texts)
            if direction is not None:
                general = bool(comprised(phrase))
                (traits[phrase],) = self._vision.traits([direction], general=general)
        return traits

    def find(
        self,
        query: Query,
        signals: Signals,
        unwanted: Sequence[Trait],
        words: Sequence[str],
        pool: int,
        scope: Scope,
    ) -> Rankings:
        """Return the rankings of at most `pool` pictures each.

        Args:
            query: what is looked for.
            signals: its vectors.
            unwanted: its exclusions.
            words: of its texts that captions may hold.
            pool: how many.
            scope: which pictures may come.
        """
        looks = self._vision.rank(
            signals.query,
            pool,
            scope,
            unwanted=unwanted,
            seen=self._store.rows_of(query.seen),
        )
        meaning: list[int] = []
        if self._use_meaning and signals.texts is not None:
            meaning = self._store.search(signals.texts, pool, scope, "captions")[0].tolist()
        if not words:
            return Rankings(looks, [], meaning, {})
        hits = self._store.search_words(words, pool, scope)
        rows = hits.rows.tolist()
        shares = self._coverage(words, hits.holds)
        return Rankings(looks, rows, meaning, dict(zip(rows, shares.tolist(), strict=True)))

    def _coverage(
        self, words: Sequence[str], holds: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float64]:
        """Return the share of the request that pictures' captions hold, telling words first.

        A word weighs what it tells in this gallery; one that no caption holds weighs most, so
        that a chance match on the rest of the request counts little.
        """
        weights = np.array([self._store.word_weight(word) for word in words[: holds.shape[1]]])
        return np.asarray(holds @ weights / (weights.sum() or 1.0))
