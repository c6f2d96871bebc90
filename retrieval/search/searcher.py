"""From a query to ranked, de-duplicated hits with the reasons for each.

Three rankings are fused: by the cosine to the query's vector (vision), by BM25 over captions, and
by what the captions mean (their vectors' cosine to the text's).
"""

import functools
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from PIL import Image

from embedding.model.joint import JointEmbedding
from retrieval.errors import RetrievalError
from retrieval.search.clarify import CANDIDATES, Group, split
from retrieval.search.fusion import fuse
from retrieval.search.query import Query, combine_texts, compose
from retrieval.search.query_bank import TypicalRequests
from retrieval.search.reasons import Signals, explain
from retrieval.search.result import Hit, SearchResult
from retrieval.search.vision import Looks, nearest
from retrieval.store.faiss_index import Ids, VectorIndex, Vectors
from retrieval.store.gallery import Gallery
from retrieval.store.words import content_words, valid_text

__all__ = ["NEAR_DUPLICATE", "Hit", "SearchResult", "Searcher"]

NEAR_DUPLICATE = 0.98
"""Pictures whose vectors have a larger cosine than this look alike: one of them is shown."""

# Candidates taken from each ranking: enough for hundreds of folded near-duplicates.
_POOL = 500
_CAPTION_POOL = 5_000
# Whether anything fits is asked of so many candidates: the nearest is seldom the best.
_POOL_SURE = 50
# A hit counts as found by its looks, or by what its captions mean, when it is among the first so
# many for each one shown.
_TOLD_RANKS = 3
# Of the ranking by meaning; that by looks has 1. docs/experiments.md has the comparison.
_MEANING_WEIGHT = 1.0


class Searcher:
    """Searches one gallery; safe to use from several threads.

    Args:
        model: encodes texts and uploaded pictures; must be the one that made the index.
        index: over the gallery's pictures, by row.
        gallery: the pictures.
        use_captions: False searches by vision alone, and keeps what captions say out of
            exclusions too.
        meanings: over the vectors of captions, by row; None where there are none.
        requests: typical ones; None where none are known.
        threshold: least cosine between a text and the best picture for a confident answer
            (see confidence.py).
    """

    def __init__(
        self,
        model: JointEmbedding,
        index: VectorIndex,
        gallery: Gallery,
        use_captions: bool = True,
        *,
        meanings: VectorIndex | None = None,
        requests: TypicalRequests | None = None,
        threshold: float = 0.0,
    ) -> None:
        if model.dimension != index.dimension:
            raise RetrievalError(
                f"the model's vectors have {model.dimension} numbers, the index's "
                f"{index.dimension}; they do not belong together"
            )
        self._model = model
        self._index = index
        self._gallery = gallery
        self._use_captions = use_captions
        self._meanings = meanings if use_captions else None
        self._threshold = threshold
        # A conversation asks with the same texts in every turn; only the new one is encoded.
        self._text_vector = functools.lru_cache(maxsize=1024)(self._encode_text)
        self._looks = Looks(index, self._text_vector, requests)

    def search(
        self,
        query: Query,
        k: int = 6,
        *,
        shown: Collection[str] = (),
        image: Image.Image | None = None,
    ) -> SearchResult:
        """Return the `k` best pictures for a query.

        Args:
            query: what is looked for. Liked, disliked and shown ids that this gallery does not
                have are ignored.
            k: how many, at least 1.
            shown: ids that must not come again, nor anything that looks just like them.
            image: the uploaded picture that `query.image` names.

        Raises:
            RetrievalError: the query asks for nothing, or names an upload that is not given.
        """
        if k < 1:
            raise RetrievalError(f"k is {k}; ask for at least 1 picture")
        if query.is_empty:
            raise RetrievalError("the query is empty; give a text, a picture or a filter")
        if query.image is not None and image is None:
            raise RetrievalError(f"the upload {query.image!r} is gone; send the picture again")
        texts = [text for text in query.texts if text.strip()]
        liked = self._gallery.rows_of(query.liked)
        disliked = self._gallery.rows_of(query.disliked)
        shown_rows = self._gallery.rows_of(shown)
        signals = self._signals(texts, image, liked, disliked)

        barred = {*liked, *disliked, *shown_rows}
        if self._use_captions:
            barred |= self._gallery.rows_mentioning(query.excluded)
        among = self._gallery.rows_where(query.filters) if query.filters else None
        left = len(set(range(len(self._gallery)) if among is None else among) - barred)
        pool = max(_POOL, 20 * k)

        words = content_words(" ".join(texts)) if self._use_captions else []
        by_looks = self._looks.rank(
            signals.query,
            pool,
            among,
            barred,
            unwanted=query.excluded,
            seen=self._gallery.rows_of(query.seen),
        )
        by_meaning: list[int] = []
        if self._meanings is not None and signals.texts is not None:
            by_meaning = nearest(self._meanings, signals.texts, pool, among, barred)[0].tolist()
        by_captions = self._rank_by_captions(words, pool, among, barred)
        coverage = self._coverage(words, by_captions)
        if signals.query is None and not by_captions:
            allowed = range(len(self._gallery)) if among is None else among
            ranked = [row for row in allowed if row not in barred][:pool]
        else:
            # A caption with half of what was asked for counts a quarter.
            caption_weights = {row: share**2 for row, share in coverage.items()}
            rankings = [by_looks, by_captions, by_meaning]
            fused = fuse(rankings, [1.0, caption_weights, _MEANING_WEIGHT])
            ranked = [row for row, _ in fused]

        # What looks just like a liked picture is what was asked for, even if that one was shown.
        seen = [row for row in shown_rows if row not in liked]
        chosen, folded = self._fold(ranked, k, seen)
        vectors = self._index.vectors(_ids(chosen))
        matched = {row: found for row, found in self._words_in(words, chosen).items() if found}
        first = _TOLD_RANKS * k
        alike, told = by_looks[:first], by_meaning[:first]
        reasons = explain(chosen, vectors, signals, alike, told, matched)
        hits = self._hits(chosen, vectors, signals.query, words, reasons)
        total = max(len(hits), left - folded) if len(hits) == k else len(hits)
        sure = any(coverage.get(row, 0.0) > 0.999 for row in chosen)
        if signals.texts is not None and not (sure or liked or image):
            near = self._index.vectors(_ids([*chosen, *by_looks[:_POOL_SURE]]))
            confident = bool(hits) and float(np.max(near @ signals.texts)) >= self._threshold
        else:
            confident = bool(hits)
        return SearchResult(hits, confident, total, tuple(ranked))

    def groups(self, query: Query, result: SearchResult) -> tuple[Group, ...]:
        """Return the 2 or 3 groups that the best candidates of a search clearly fall into, or ().

        Args:
            query: what was looked for.
            result: what `search` answered to it. What it was told to leave out as shown is in no
                group, but what looks just like that may be.
        """
        rows, _ = self._fold(result.ranked, CANDIDATES, ())
        images = self._gallery.by_rows(rows)
        captions = [image.captions if self._use_captions else () for image in images]
        found = split(rows, captions, self._looks.relative, " ".join(query.texts))
        return tuple(
            Group(label, tuple(images[i].image_id for i in members), len(members) / len(rows))
            for label, members in found
        )

    def get(self, image_id: str) -> Hit | None:
        """Return one picture as a hit without score and reasons, or None if there is none."""
        rows = self._gallery.rows_of([image_id])
        if not rows:
            return None
        vectors = np.zeros((1, self._index.dimension), np.float32)
        return self._hits(rows, vectors, None, [], [()])[0]

    def _encode_text(self, text: str) -> Vectors:
        vector: Vectors = self._model.encode_text([valid_text(text)])[0]
        vector.flags.writeable = False
        return vector

    def _text_vectors(self, texts: Iterable[str]) -> Vectors:
        vectors = [self._text_vector(text) for text in texts]
        return np.stack(vectors) if vectors else np.zeros((0, self._index.dimension), np.float32)

    def _signals(
        self,
        texts: Sequence[str],
        image: Image.Image | None,
        liked: Sequence[int],
        disliked: Sequence[int],
    ) -> Signals:
        wanted = self._text_vectors(texts)
        upload = None if image is None else self._model.encode_images([image])[0]
        nothing = wanted[:0]
        plus, minus = self._index.vectors(_ids(liked)), self._index.vectors(_ids(disliked))
        return Signals(
            query=compose(wanted, upload, plus, minus),
            without_feedback=compose(wanted, upload, nothing, nothing),
            texts=combine_texts(wanted) if len(wanted) else None,
        )

    def _rank_by_captions(
        self, words: Sequence[str], pool: int, among: Sequence[int] | None, barred: set[int]
    ) -> list[int]:
        if not words:
            return []
        found = self._gallery.search_captions(" ".join(words), _CAPTION_POOL + len(barred))
        rows = [row for row, _ in found if row not in barred]
        if among is not None:
            allowed = set(among)
            rows = [row for row in rows if row in allowed]
        return rows[:pool]

    def _coverage(self, words: Sequence[str], rows: Sequence[int]) -> dict[int, float]:
        """Return the share of the request that each picture's captions hold, telling words first.

        A word weighs what it tells in this gallery; one that no caption holds weighs most, so
        that a chance match on the rest of the request counts little.
        """
        weights = {word: self._gallery.word_weight(word) for word in words}
        everything = sum(weights.values())
        if not everything:
            return dict.fromkeys(rows, 0.0)
        return {
            row: sum(weights[word] for word in found) / everything
            for row, found in self._words_in(words, rows).items()
        }

    def _words_in(self, words: Sequence[str], rows: Sequence[int]) -> dict[int, tuple[str, ...]]:
        return self._gallery.words_in(words, rows) if words else {}

    def _fold(self, ranked: Sequence[int], k: int, seen: Sequence[int]) -> tuple[list[int], int]:
        """Choose the first `k` rows that look like none chosen or seen; count those left out."""
        vectors = self._index.vectors(_ids(ranked))
        known = self._index.vectors(_ids(seen))
        closest = (vectors @ known.T).max(axis=1) if len(seen) else np.full(len(ranked), -1.0)
        chosen: list[int] = []
        folded = 0
        for position, row in enumerate(ranked):
            if closest[position] > NEAR_DUPLICATE:
                folded += 1
            elif len(chosen) < k:
                chosen.append(row)
                closest = np.maximum(closest, vectors @ vectors[position])
        return chosen, folded

    def _hits(
        self,
        rows: Sequence[int],
        vectors: Vectors,
        query: Vectors | None,
        words: Sequence[str],
        reasons: Sequence[tuple[str, ...]],
    ) -> tuple[Hit, ...]:
        captions = self._gallery.best_captions(words, rows)
        scores = np.zeros(len(rows)) if query is None else vectors @ query
        return tuple(
            Hit(
                image_id=image.image_id,
                caption=captions.get(row) or next(iter(image.captions), ""),
                captions=image.captions,
                score=float(score),
                reasons=why,
                width=image.width,
                height=image.height,
                metadata=image.metadata,
            )
            for row, image, score, why in zip(
                rows, self._gallery.by_rows(rows), scores, reasons, strict=True
            )
        )


def _ids(rows: Iterable[int]) -> Ids:
    return np.fromiter(rows, dtype=np.int64)
