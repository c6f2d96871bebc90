"""From a query to ranked, de-duplicated hits with the reasons for each.

Three steps: `plan` says what must be encoded, an encoder does that (for everybody who waits, on a
server), and `rank` asks the store and orders. The first and the last know no model.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from PIL import Image

from embedding.model.encoder import Encoder
from retrieval.errors import RetrievalError
from retrieval.search.captions import best_caption, words_in
from retrieval.search.clarify import CANDIDATES, Group, may_ask, split
from retrieval.search.confidence import Confidence
from retrieval.search.cosines import Cosines
from retrieval.search.encoding import Encoded, Plan, TextVectors
from retrieval.search.finding import Finder
from retrieval.search.folding import fold
from retrieval.search.fusion import Rankings
from retrieval.search.gallery import Gallery
from retrieval.search.general_words import with_comprised
from retrieval.search.judging import Judge, Verdict
from retrieval.search.query import Hit, Query, SearchResult
from retrieval.search.query_bank import TypicalRequests
from retrieval.search.scenes import SCENES, Scenes
from retrieval.search.signals import Signals, explain
from retrieval.search.vision import Trait
from retrieval.store.protocol import Picture, Scope, Store
from retrieval.store.words import content_words, valid_text

__all__ = ["Hit", "SearchResult", "Searcher"]

# Candidates taken from each ranking: enough for hundreds of folded near-duplicates.
_POOL = 500
# So many are compared with each other first: the pictures wanted nearly always are among them.
_FOLDED_FIRST = 128
# A hit counts as found by its looks, or by what its captions mean, when it is among the first so
# many for each one shown.
_TOLD_RANKS = 3


class Searcher(Gallery):
    """Searches one gallery; safe to use from several threads.

    Args:
        store: the gallery.
        encoder: encodes texts and uploads for `search`; must be the one that made the vectors.
        requests: typical ones; None where none are known.
        scenes: how scenes look; None where only captions tell.
        cosines: what the encoder's cosines mean.
        confidence: what was measured of the gallery; None leaves open what fits.
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
        confidence: Confidence | None = None,
        words: bool = True,
        meaning: bool = True,
    ) -> None:
        super().__init__(
            store, encoder, requests=requests, scenes=scenes, cosines=cosines, words=words
        )
        self._judge = (
            Judge(store, requests, confidence, words=words) if confidence is not None else None
        )
        self._texts = TextVectors()
        self._finder = Finder(
            store,
            self._vision,
            self._phrases,
            picture_weight=self._cosines.picture_weight,
            meaning=words and meaning,
        )

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
        if self._judge is not None and not (query.liked or query.image or query.language):
            texts += [word for text in texts for word in self._judge.to_encode(text)]
        for phrase in query.excluded:
            texts += self._phrases.to_encode(phrase)
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
        signals = self._finder.signals(texts, encoded, liked, disliked)
        unwanted = self._finder.unwanted(query.excluded, encoded)
        scope = Scope(
            query.filters,
            tuple({*liked, *disliked, *shown_rows, *self._store.rows_of(list(barred))}),
            with_comprised(query.excluded) if self._use_words else (),
        )
        words = content_words(" ".join(texts)) if self._use_words else []
        pool = max(_POOL, 20 * k)
        found = self._finder.find(signals, [*unwanted.values()], words, query.seen, pool, scope)
        if signals.query is None and not found.words:
            ranked = self._unasked([*unwanted.values()], pool, scope)
        else:
            ranked = found.fused()

        # What looks just like a liked picture is what was asked for, even if that one was shown.
        seen = [row for row in shown_rows if row not in liked]
        chosen, folded = self._fold(ranked, k, seen)
        hits = self._hits(chosen, found, signals, words, k)
        left = self._store.count(scope)
        total = max(len(hits), left - folded) if len(hits) == k else len(hits)
        if not hits:
            return SearchResult(hits, False, total)
        verdict = Verdict(None)
        if self._judge is not None and texts and not (query.liked or query.image):
            by_words = query.language is None
            verdict = self._judge.judge(texts, encoded.texts, by_words=by_words)
        may_show = self._may_show(hits, unwanted)
        return SearchResult(hits, verdict.fits, total, verdict.unknown, may_show, tuple(ranked))

    def groups(self, query: Query, result: SearchResult) -> tuple[Group, ...]:
        """Return the 2 or 3 groups that the best candidates of a search clearly fall into, or ().

        Args:
            query: what was looked for.
            result: what `search` answered to it. What it was told to leave out as shown is in no
                group, but what looks just like that may be.
        """
        asked = " ".join(query.texts)
        if not may_ask(asked):
            return ()
        rows, _ = self._fold(result.ranked, CANDIDATES, ())
        pictures = self._store.pictures(rows)
        if self._use_words and query.language is None:
            # Of what a gallery has little, the other candidates are something else.
            words = content_words(asked)
            pictures = [
                one
                for one in pictures
                if not one.captions or len(words_in(words, one.captions)) == len(words)
            ]
            rows = [one.row for one in pictures]
        captions = [picture.captions if self._use_words else () for picture in pictures]
        shows = np.zeros((len(rows), len(SCENES)), np.float32)
        if self._scenes:
            vectors = self._store.vectors(rows)
            shows = np.stack([trait.amount(vectors) for trait in self._scenes], axis=1)
        return tuple(
            Group(label, tuple(pictures[i].image_id for i in members), len(members) / len(rows))
            for label, members in split(captions, shows, asked)
        )

    def _unasked(self, unwanted: Sequence[Trait], pool: int, scope: Scope) -> list[int]:
        """Return rows for a query that names nothing to look for: what shows least unwanted."""
        rows = self._store.sample(pool, scope) if unwanted else self._store.first(pool, scope)
        if unwanted:
            vectors = self._store.vectors(rows)
            pushes = np.sum([trait.push(vectors) for trait in unwanted], axis=0)
            rows = rows[np.argsort(pushes, kind="stable")]
        ranked: list[int] = rows.tolist()
        return ranked

    def _may_show(self, hits: Sequence[Hit], unwanted: Mapping[str, Trait]) -> tuple[str, ...]:
        """Return the exclusions that a hit shows as much of as usual, and no caption rules out."""
        untold = [hit for hit in hits if not (self._use_words and hit.picture.captions)]
        vectors = self._store.vectors([hit.picture.row for hit in untold])
        return tuple(
            phrase for phrase, trait in unwanted.items() if (trait.above_usual(vectors) >= 0).any()
        )

    def _fold(self, ranked: Sequence[int], k: int, seen: Sequence[int]) -> tuple[list[int], int]:
        """Choose the first `k` rows that look like none chosen or seen; count those left out.

        Where the first of them do, the others are not looked at.
        """
        shown = self._store.vectors(seen)
        for most in (_FOLDED_FIRST, len(ranked)):
            vectors = self._store.vectors(ranked[:most])
            chosen, folded = fold(vectors, shown, k, self._cosines.near_duplicate)
            if len(chosen) == k or most >= len(ranked):
                break
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
