"""Whether a gallery has what a request names, and which of its words it does not know.

Words come first. A request whose words captions hold, in any form, under another name or by one of
their kinds, fits. Where there are no captions, typical requests tell which words are usual, and
pictures whether they are here. A request with other words fits where pictures lie clearly nearer to
it and to those words than to ordinary things that are absent (confidence.py).
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from retrieval.search.confidence import Confidence, nearness_of, score
from retrieval.search.known_words import (
    Known,
    known_to_captions,
    known_to_requests,
    naming_words,
    unknown_words,
)
from retrieval.search.query_bank import TypicalRequests
from retrieval.store.protocol import Store
from retrieval.store.vectors import Vectors
from retrieval.store.words import valid_text

__all__ = ["Judge", "Verdict"]

# Of a request for something usual, the fit below which it is not in this gallery: in a gallery
# without snow "snowboarders" fits worse than most of what is absent.
_LEAST_USUAL = -0.5
_REMEMBERED_WORDS = 4_096


class Verdict(NamedTuple):
    """What is thought of a request.

    Attributes:
        fits: False if the gallery lacks something that it names; None where nothing was judged.
        unknown: the words for that, in the request's order, as far as it can be told.
    """

    fits: bool | None
    unknown: tuple[str, ...] = ()


class Judge:
    """Judges requests; safe to use from several threads.

    Args:
        store: the gallery.
        requests: typical ones; None where there are none.
        confidence: what was measured of the gallery.
        words: False leaves out what captions say.
    """

    def __init__(
        self,
        store: Store,
        requests: TypicalRequests | None,
        confidence: Confidence,
        *,
        words: bool,
    ) -> None:
        self._store = store
        self._confidence = confidence
        in_captions, usual = known_to_captions(store), known_to_requests(requests)
        # People use the same words; each is looked up once.
        in_captions = lru_cache(_REMEMBERED_WORDS)(in_captions)
        self._in_captions: Known = in_captions if words else lambda _word: False
        self._threshold = confidence.by_looks
        self._known: Known = lru_cache(_REMEMBERED_WORDS)(
            lambda word: self._in_captions(word) or usual(word)
        )
        if words and confidence.by_captions is not None:
            self._threshold, self._known = confidence.by_captions, in_captions

    def to_encode(self, text: str) -> tuple[str, ...]:
        """Return the words that must be encoded, beside the text, before `judge` can tell."""
        return tuple(unknown_words(valid_text(text), self._known))

    def judge(
        self, texts: Sequence[str], encoded: Mapping[str, Vectors], *, by_words: bool = True
    ) -> Verdict:
        """Return what is thought of texts that are asked for together.

        Args:
            texts: a search and its refinements.
            encoded: the vectors of the texts, and of what `to_encode` named.
            by_words: False for texts in another language than requests and captions, whose words
                these cannot tell.
        """
        judge = self._judge if by_words else self._judge_by_looks
        verdicts = [judge(text, encoded) for text in map(valid_text, texts)]
        unknown = dict.fromkeys(word for verdict in verdicts for word in verdict.unknown)
        return Verdict(all(verdict.fits for verdict in verdicts), tuple(unknown))

    def _judge(self, text: str, encoded: Mapping[str, Vectors]) -> Verdict:
        words = naming_words(text)
        if words and all(map(self._in_captions, words)):
            return Verdict(True)
        unknown = unknown_words(text, self._known)
        fits = {one: self._fit(encoded[one]) for one in (text, *unknown)}
        if words and not unknown:
            fit = fits[text] >= _LEAST_USUAL
            return Verdict(fit, () if fit or len(words) > 1 else tuple(words))
        fit = score(text, unknown or [text], fits) >= self._threshold
        lacking = [word for word in unknown if fits[text] + fits[word] < self._threshold]
        return Verdict(fit, () if fit else tuple(lacking))

    def _judge_by_looks(self, text: str, encoded: Mapping[str, Vectors]) -> Verdict:
        fit = score(text, [text], {text: self._fit(encoded[text])})
        return Verdict(fit >= self._confidence.by_looks)

    def _fit(self, vector: Vectors) -> float:
        return self._confidence.fit(nearness_of(vector, self._store))
