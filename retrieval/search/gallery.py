"""A gallery without a query: what it is made of, a page of it, what its pictures show.

`Searcher` adds the search (searcher.py).
"""

import functools
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from embedding.model.encoder import Encoder
from retrieval.errors import RetrievalError
from retrieval.search.browsing import farthest_first
from retrieval.search.clarify import Group
from retrieval.search.composition import kinds_by_captions, kinds_by_looks
from retrieval.search.cosines import Cosines
from retrieval.search.encoding import Encoded, Plan
from retrieval.search.phrases import Phrases
from retrieval.search.query import Hit, SearchResult
from retrieval.search.query_bank import TypicalRequests
from retrieval.search.scenes import Scenes
from retrieval.search.vision import VisionRanking
from retrieval.store.protocol import Scope, Store
from retrieval.store.words import exclusion_phrase

__all__ = ["Gallery"]

_SAMPLE = 2_000
# So many pictures for each one of a page are looked at: enough to differ, too few for the oddest
# pictures of a large gallery to be on every page.
_BROWSED = 16


class Gallery:
    """One gallery as its captions and a model see it; safe to use from several threads.

    Args:
        store: the pictures.
        encoder: the one that made their vectors.
        requests: typical ones; None where none are known.
        scenes: how scenes look; None where only captions tell.
        cosines: what the encoder's cosines mean.
        words: False leaves out what captions say.
    """

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        *,
        requests: TypicalRequests | None,
        scenes: Scenes | None,
        cosines: Cosines | None,
        words: bool,
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
        self._use_words = words
        self._phrases = Phrases(requests)
        self._vision = VisionRanking(store, requests)
        self._scenes = self._vision.traits(scenes.directions) if scenes is not None else []
        # Kept here rather than by decorators, so that it goes with the gallery.
        self._kept_kinds = functools.cache(self._find_kinds)
        self._kept_vocabulary = functools.cache(self._find_vocabulary)

    def get(self, image_id: str) -> Hit | None:
        """Return one picture as a hit without score and reasons, or None if there is none."""
        picture = self._store.get(image_id)
        return None if picture is None else Hit(picture, next(iter(picture.captions), ""))

    def kinds(self) -> tuple[Group, ...]:
        """Return what the gallery is made of, the largest kind first; see composition.py."""
        return self._kept_kinds()

    def vocabulary(self) -> Mapping[str, int]:
        """Return the words that name something here, lower-cased, and how often captions do.

        Where there are no captions, they are the encoder's words that typical requests hold, once
        each.
        """
        return self._kept_vocabulary()

    def browse(
        self,
        k: int = 6,
        *,
        shown: Collection[str] = (),
        filters: Sequence[tuple[str, str]] = (),
        turn: int = 0,
    ) -> SearchResult:
        """Return a page of pictures as different as can be, for whoever asks for nothing.

        Args:
            k: how many, at least 1.
            shown: ids that must not come again, nor anything that looks just like them.
            filters: as those of a query.
            turn: another one gives another page, where there are more pictures.

        Raises:
            RetrievalError: `k` is below 1, or a filter's value cannot be used.
        """
        if k < 1:
            raise RetrievalError(f"k is {k}; ask for at least 1 picture")
        seen = self._store.rows_of(list(shown))
        scope = Scope(tuple(filters), tuple(seen))
        turn += len(seen)
        rows = self._store.sample(_BROWSED * k, scope, turn)
        rows = np.roll(rows, -turn)  # the first one opens the first page
        places = farthest_first(
            self._store.vectors(rows), self._store.vectors(seen), k, self._cosines.near_duplicate
        )
        pictures = self._store.pictures(rows[places])
        hits = tuple(Hit(one, next(iter(one.captions), "")) for one in pictures)
        total = self._store.count(scope) if len(hits) == k else len(hits)
        return SearchResult(hits, None, total, ranked=tuple(hit.picture.row for hit in hits))

    def plan_compare(self, phrases: Sequence[str]) -> Plan:
        """Return what must be encoded before `compare`.

        Raises:
            RetrievalError: a phrase has no words.
        """
        for phrase in phrases:
            if not exclusion_phrase(phrase):
                raise RetrievalError(f"{phrase!r} has no words; name something to look for")
        texts = [text for phrase in phrases for text in self._phrases.to_encode(phrase)]
        return Plan(tuple(dict.fromkeys(texts)), image=False)

    def compare(
        self, image_ids: Sequence[str], phrases: Sequence[str], encoded: Encoded
    ) -> npt.NDArray[np.float32]:
        """Return how much more than usual pictures show phrases ("a red shirt", "a blue shirt").

        Args:
            image_ids: the pictures.
            phrases: what they may show.
            encoded: what `plan_compare` asked for.

        Returns:
            (pictures, phrases), in standard deviations over the gallery; NaN for a picture that
            is not in the gallery.

        Raises:
            RetrievalError: a phrase has no words.
        """
        looks = [self._phrases.direction(phrase, encoded.texts) for phrase in phrases]
        traits = self._vision.traits(one for one in looks if one is not None)
        table = np.full((len(image_ids), len(phrases)), np.nan, np.float32)
        for place, image_id in enumerate(image_ids):
            vectors = self._store.vectors(self._store.rows_of([image_id]))
            if len(vectors):
                table[place] = [trait.above_usual(vectors)[0] for trait in traits]
        return table

    def _find_kinds(self) -> tuple[Group, ...]:
        found = kinds_by_captions(self._store) if self._use_words else ()
        if found or not self._scenes:
            return found
        rows = self._store.sample(_SAMPLE)
        vectors = self._store.vectors(rows)
        shows = np.stack([trait.above_usual(vectors) for trait in self._scenes], axis=1)
        return kinds_by_looks(self._store, rows, shows)

    def _find_vocabulary(self) -> Mapping[str, int]:
        words = self._store.vocabulary() if self._use_words else {}
        if words or self._requests is None:
            return words
        known = self._encoder.known_words
        return {word: 1 for word in known if self._requests.direction(word) is not None}
