"""What a query asks of the store: its vectors, and three rankings of the pictures.

They are ranked by the cosine to the query's vector (vision), by BM25 over captions, and by what the
captions mean (their vectors' cosine to the text's).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from retrieval.search.encoding import Encoded
from retrieval.search.fusion import Rankings
from retrieval.search.general_words import comprised
from retrieval.search.phrases import Phrases
from retrieval.search.signals import Signals, combine_texts, compose
from retrieval.search.vision import CAPTION_WEIGHT, Trait, VisionRanking
from retrieval.store.protocol import Scope, Store
from retrieval.store.vectors import Vectors
from retrieval.store.words import valid_text

__all__ = ["Finder"]

P = ParamSpec("P")
T = TypeVar("T")

_AT_ONCE = 8
"""So many searches of all turns wait for another process, beside one of each turn."""


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
        self._threads = ThreadPoolExecutor(_AT_ONCE) if store.is_remote else None

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
        signals: Signals,
        unwanted: Sequence[Trait],
        words: Sequence[str],
        seen: Sequence[str],
        pool: int,
        scope: Scope,
    ) -> Rankings:
        """Return the rankings of at most `pool` pictures each.

        Args:
            signals: the vectors of a query.
            unwanted: its exclusions.
            words: of its texts that captions may hold.
            seen: ids of pictures that step back.
            pool: how many.
            scope: which pictures may come.
        """
        meaning = self._begin(self._meaning, signals.texts, pool, scope)
        said = self._begin(self._said, words, pool, scope)
        rank = self._vision.rank
        if signals.texts is None:
            weight = CAPTION_WEIGHT / self._picture_weight if self._use_meaning else 0.0
            rank = partial(self._vision.rank_alike, caption_weight=weight)
        looks = rank(
            signals.query,
            pool,
            scope,
            unwanted=unwanted,
            seen=self._store.rows_of(seen),
        )
        shares = said()
        return Rankings(looks, list(shares), meaning(), shares)

    def _begin(self, search: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
        """Return what gives the result of a search, which runs meanwhile where that helps."""
        if self._threads is None:
            return partial(search, *args, **kwargs)
        return self._threads.submit(search, *args, **kwargs).result

    def _meaning(self, text: Vectors | None, pool: int, scope: Scope) -> list[int]:
        """Return the rows whose captions mean what a text says, best first."""
        if not self._use_meaning or text is None:
            return []
        rows: list[int] = self._store.search(text, pool, scope, "captions")[0].tolist()
        return rows

    def _said(self, words: Sequence[str], pool: int, scope: Scope) -> dict[int, float]:
        """Return the rows whose captions hold words, best first, with their share of the words."""
        if not words:
            return {}
        hits = self._store.search_words(words, pool, scope)
        shares = self._coverage(words, hits.holds)
        return dict(zip(hits.rows.tolist(), shares.tolist(), strict=True))

    def _coverage(
        self, words: Sequence[str], holds: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float64]:
        """Return the share of the request that pictures' captions hold, telling words first.

        A word weighs what it tells in this gallery; one that no caption holds weighs most, so
        that a chance match on the rest of the request counts little.
        """
        weights = np.array([self._store.word_weight(word) for word in words[: holds.shape[1]]])
        return np.asarray(holds @ weights / (weights.sum() or 1.0))
