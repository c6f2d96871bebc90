"""From a query to ranked, de-duplicated hits with the reasons for each.

Three steps: `plan` says what must be encoded, an encoder does that (for everybody who waits, on a
server), and `rank` asks the store and orders. The first and the last know no model.

Three rankings are fused: by the cosine to the query's vector (vision), by BM25 over captions, and
by what the captions mean (their vectors' cosine to the text's).
"""

from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from embedding.model.encoder import Encoder
from retrieval.errors import RetrievalError
from retrieval.search.captions import best_caption, words_in
from retrieval.search.clarify import CANDIDATES, Group, split
from retrieval.search.cosines import Cosines
from retrieval.search.encoding import Encoded, Plan, TextVectors
from retrieval.search.folding import fold
from retrieval.search.fusion import Rankings
from retrieval.search.query import Query, combine_texts, compose
from retrieval.search.query_bank import TypicalRequests
from retrieval.search.reasons import Signals, explain
from retrieval.search.result import Hit, SearchResult
from retrieval.search.scenes import SCENES, Scenes
from retrieval.search.vision import VisionRanking, mean_direction, wordings
from retrieval.store.protocol import Picture, Scope, Store
from retrieval.store.vectors import Vectors
from retrieval.store.words import content_words, exclusion_phrase, valid_text

__all__ = ["Hit", "SearchResult", "Searcher"]

# Candidates taken from each ranking: enough for hundreds of folded near-duplicates.
_POOL = 500
# Whether anything fits is asked of so many candidates: the nearest is seldom the best.
_POOL_SURE = 50
# A hit counts as found by its looks, or by what its captions mean, when it is among the first so
# many for each one shown.
_TOLD_RANKS = 3


class Searcher:
    """Searches one gallery; safe to use from several threads.

    Args:
        store: the gallery.
        encoder: encodes texts and uploads for `search`; must be the one that made the vectors.
        requests: typical ones; None where none are known.
        scenes: how scenes look; None where only captions tell.
        cosines: what the encoder's cosines mean.
        threshold: least cosine between a text and the best picture for a confident answer
            (see confidence.py).
        words: False leaves out what captions say, in exclusions and questions too.
        meaning: False leaves out what captions mean.
    """

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        *,
        requests: TypicalRequests | None = None,
        scenes: Scenes | None = None,
        cosines: Cosines | None = None,
        threshold: float = 0.0,
        words: bool = True,
        meaning: bool = True,
    ) -> None:
        if encoder.dimension != store.dimension:
            raise RetrievalError(
                f"the model's vectors have {encoder.dimension} numbers, the gallery's "
                f"{store.dimension}; they do not belong together"
            )
        self._store = store
        self._encoder = encoder
        self._requests = requests
        self._cosines = cosines or Cosines()
        self._threshold = threshold
        self._use_words = words
        self._use_meaning = meaning
        self._texts = TextVectors()
        self._vision = VisionRanking(store, requests)
        self._scenes = self._vision.traits(scenes.directions) if scenes is not None else []

    def search(
        self,
        query: Query,
        k: int = 6,
        *,
        shown: Collection[str] = (),
        image: Image.Image | None = None,
    ) -> SearchResult:
        """Return the `k` best pictures for a query: plan, encode, rank.

        Args:
            query: what is looked for.
            k: how many, at least 1.
            shown: ids that must not come again, nor anything that looks just like them.
            image: the uploaded picture that `query.image` names.

        Raises:
            RetrievalError: as `plan` and `rank`.
        """
        plan = self.plan(query)
        vectors = self._texts.find(plan.texts)
        new = [text for text in plan.texts if text not in vectors]
        if new:
            encoded = dict(zip(new, self._encoder.encode_text(new), strict=True))
            self._texts.keep(encoded)
            vectors |= encoded
        upload = self._encoder.encode_images([image])[0] if plan.image and image else None
        return self.rank(query, Encoded(vectors, upload), k, shown=shown)

    def plan(self, query: Query) -> Plan:
        """Return what must be encoded before `rank`.

        Raises:
            RetrievalError: the query asks for nothing.
        """
        if query.is_empty:
            raise RetrievalError("the query is empty; give a text, a picture or a filter")
        texts = [valid_text(text) for text in query.texts if text.strip()]
        for phrase in query.excluded:
            if self._known_direction(phrase) is None:
                texts += self._wordings(phrase)
        return Plan(tuple(dict.fromkeys(texts)), query.image is not None)

    def rank(
        self,
        query: Query,
        encoded: Encoded,
        k: int = 6,
        *,
        shown: Collection[str] = (),
        barred: Collection[str] = (),
    ) -> SearchResult:
        """Return the `k` best pictures for a query.

        Args:
            query: what is looked for. Liked, disliked and shown ids that this gallery does not
                have are ignored.
            encoded: what `plan` asked for.
            k: how many, at least 1.
            shown: ids that must not come again, nor anything that looks just like them.
            barred: ids that must not come; what looks just like them may.

        Raises:
            RetrievalError: `k` is below 1, a filter's value cannot be used, or the query names an
                upload that was not encoded.
        """
        if k < 1:
            raise RetrievalError(f"k is {k}; ask for at least 1 picture")
        if query.image is not None and encoded.image is None:
            raise RetrievalError(f"the upload {query.image!r} is gone; send the picture again")
        texts = [text for text in query.texts if text.strip()]
        liked, disliked, shown_rows = map(
            self._store.rows_of, (query.liked, query.disliked, list(shown))
        )
        signals = self._signals(texts, encoded, liked, disliked)
        scope = Scope(
            query.filters,
            tuple({*liked, *disliked, *shown_rows, *self._store.rows_of(list(barred))}),
            query.excluded if self._use_words else (),
        )
        words = content_words(" ".join(texts)) if self._use_words else []
        found = self._find(query, signals, words, max(_POOL, 20 * k), scope, encoded)
        if signals.query is None and not found.words:
            ranked = self._store.first(max(_POOL, 20 * k), scope).tolist()
        else:
            ranked = found.fused()

        # What looks just like a liked picture is what was asked for, even if that one was shown.
        seen = [row for row in shown_rows if row not in liked]
        chosen, folded = self._fold(ranked, k, seen)
        hits = self._hits(chosen, found, signals, words, k)
        left = self._store.count(scope)
        total = max(len(hits), left - folded) if len(hits) == k else len(hits)
        sure = any(found.coverage.get(row, 0.0) > 0.999 for row in chosen)
        confident = bool(hits)
        if hits and signals.texts is not None and not (sure or liked or query.image):
            near = self._store.vectors([*chosen, *found.looks[:_POOL_SURE]])
            confident = float(np.max(near @ signals.texts)) >= self._threshold
        return SearchResult(hits, confident, total, tuple(ranked))

    def groups(self, query: Query, result: SearchResult) -> tuple[Group, ...]:
        """Return the 2 or 3 groups that the best candidates of a search clearly fall into, or ().

        Args:
            query: what was looked for.
            result: what `search` answered to it. What it was told to leave out as shown is in no
                group, but what looks just like that may be.
        """
        rows, _ = self._fold(result.ranked, CANDIDATES, ())
        pictures = self._store.pictures(rows)
        captions = [picture.captions if self._use_words else () for picture in pictures]
        shows = np.zeros((len(rows), len(SCENES)), np.float32)
        if self._scenes:
            vectors = self._store.vectors(rows)
            shows = np.stack([trait.amount(vectors) for trait in self._scenes], axis=1)
        return tuple(
            Group(label, tuple(pictures[i].image_id for i in members), len(members) / len(rows))
            for label, members in split(captions, shows, " ".join(query.texts))
        )

    def get(self, image_id: str) -> Hit | None:
        """Return one picture as a hit without score and reasons, or None if there is none."""
        picture = self._store.get(image_id)
        return None if picture is None else Hit(picture, next(iter(picture.captions), ""))

    def _known_direction(self, phrase: str) -> Vectors | None:
        return None if self._requests is None else self._requests.direction(phrase)

    def _wordings(self, phrase: str) -> tuple[str, ...]:
        return wordings(valid_text(phrase)) if exclusion_phrase(phrase) else ()

    def _signals(
        self, texts: Sequence[str], encoded: Encoded, liked: Sequence[int], disliked: Sequence[int]
    ) -> Signals:
        vectors = [encoded.texts[valid_text(text)] for text in texts]
        nothing = np.zeros((0, self._store.dimension), np.float32)
        wanted = np.stack(vectors) if vectors else nothing
        plus, minus = self._store.vectors(liked), self._store.vectors(disliked)
        weight = self._cosines.picture_weight
        return Signals(
            query=compose(wanted, encoded.image, plus, minus, weight),
            without_feedback=compose(wanted, encoded.image, nothing, nothing, weight),
            texts=combine_texts(wanted) if len(wanted) else None,
        )

    def _find(
        self,
        query: Query,
        signals: Signals,
        words: Sequence[str],
        pool: int,
        scope: Scope,
        encoded: Encoded,
    ) -> Rankings:
        directions = []
        for phrase in query.excluded:
            known = self._known_direction(phrase)
            if known is not None:
                directions.append(known)
            elif texts := self._wordings(phrase):
                directions.append(mean_direction([encoded.texts[text] for text in texts]))
        looks = self._vision.rank(
            signals.query,
            pool,
            scope,
            unwanted=self._vision.traits(directions),
            seen=self._store.rows_of(query.seen),
        )
        meaning: list[int] = []
        if self._use_words and self._use_meaning and signals.texts is not None:
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

    def _fold(self, ranked: Sequence[int], k: int, seen: Sequence[int]) -> tuple[list[int], int]:
        """Choose the first `k` rows that look like none chosen or seen; count those left out."""
        vectors, shown = self._store.vectors(ranked), self._store.vectors(seen)
        chosen, folded = fold(vectors, shown, k, self._cosines.near_duplicate)
        return [ranked[place] for place in chosen], folded

    def _hits(
        self,
        rows: Sequence[int],
        found: Rankings,
        signals: Signals,
        words: Sequence[str],
        k: int,
    ) -> tuple[Hit, ...]:
        pictures: list[Picture] = self._store.pictures(rows)
        vectors = self._store.vectors(rows)
        scores = np.zeros(len(rows)) if signals.query is None else vectors @ signals.query
        matched = {one.row: words_in(words, one.captions) for one in pictures} if words else {}
        first = _TOLD_RANKS * k
        reasons = explain(
            rows, vectors, signals, found.looks[:first], found.meaning[:first], matched
        )
        return tuple(
            Hit(picture, best_caption(words, picture.captions), float(score), why)
            for picture, score, why in zip(pictures, scores, reasons, strict=True)
        )
