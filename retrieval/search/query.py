"""What somebody looks for, which the turns of a conversation evolve, and what is found.

A query is plain data. It names pictures by id and an upload by key, holds no vectors, and goes
through JSON unchanged, so that a session record can keep it. How it becomes one vector is
signals.py, how it becomes a ranking searcher.py.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import ConfigDict

from retrieval.store.protocol import Picture
from retrieval.store.words import exclusion_phrase, stem

__all__ = ["MOST_SEEN", "Hit", "Query", "SearchResult"]

MOST_SEEN = 200
"""So many pictures are remembered as seen."""


@dataclass(frozen=True)
class Query:
    """One search with all its refinements and feedback.

    Attributes:
        texts: the search and its refinements, oldest first.
        image: key of an uploaded picture; the picture itself is handed to the search.
        liked: ids of pictures like which more is wanted.
        disliked: ids of pictures that were not meant.
        excluded: words or short phrases for what must not be seen.
        filters: (key, value) pairs that all must hold; filters.py has the forms.
        seen: ids of pictures that were on the screen when somebody asked for more than they had:
            they step back.
        language: code of the language of the texts, where it is none that is spoken, or none
            that the model's own encoder reads.
        bound: those of `excluded` that were said with the search itself ("a horse without a
            saddle"): they go with it.
    """

    # What a session record that is read must hold: these types exactly, and nothing else.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid")

    texts: tuple[str, ...] = ()
    image: str | None = None
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()
    seen: tuple[str, ...] = ()
    language: str | None = None
    bound: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked for at all."""
        return self == Query()

    def refine(self, text: str, seen: Sequence[str] = ()) -> "Query":
        """Return the query with one more text.

        Args:
            text: what more is wanted.
            seen: ids of the pictures that were shown before it was said. Whoever says more has
                probably not found the picture among them.
        """
        texts = _with(self.texts, text)
        return dataclasses.replace(self, texts=texts, seen=_latest(self.seen, seen))

    def exclude(self, word: str, *, bound: bool = False) -> "Query":
        """Return the query without what `word` names; `bound` to what is searched for now."""
        left = self.allow(word)
        more = (word,) if bound else ()
        return dataclasses.replace(
            left, excluded=(*left.excluded, word), bound=(*left.bound, *more)
        )

    def allow(self, word: str) -> "Query":
        """Return the query with the exclusion of `word` lifted ("a child" lifts "children")."""
        named = _stemmed(word)
        return self.leave_out(phrase for phrase in self.excluded if _stemmed(phrase) != named)

    def leave_out(self, phrases: Iterable[str]) -> "Query":
        """Return the query with these of its exclusions and no others."""
        excluded = tuple(phrases)
        bound = tuple(phrase for phrase in self.bound if phrase in excluded)
        return dataclasses.replace(self, excluded=excluded, bound=bound)

    def like(self, image_id: str) -> "Query":
        """Return the query drawn towards a picture; an earlier dislike of it is forgotten."""
        return dataclasses.replace(
            self,
            liked=_with(self.liked, image_id),
            disliked=_without(self.disliked, image_id),
        )

    def dislike(self, image_id: str) -> "Query":
        """Return the query drawn away from a picture; an earlier like of it is forgotten."""
        return dataclasses.replace(
            self,
            liked=_without(self.liked, image_id),
            disliked=_with(self.disliked, image_id),
        )

    def forget(self, image_id: str) -> "Query":
        """Return the query without the like or the dislike of a picture."""
        return dataclasses.replace(
            self,
            liked=_without(self.liked, image_id),
            disliked=_without(self.disliked, image_id),
        )

    def filter(self, key: str, value: str) -> "Query":
        """Return the query with one more condition on metadata or folder."""
        condition = (key, value)
        kept = tuple(other for other in self.filters if other != condition)
        return dataclasses.replace(self, filters=(*kept, condition))

    def unfilter(self, key: str) -> "Query":
        """Return the query without its conditions on a key."""
        kept = tuple(condition for condition in self.filters if condition[0] != key)
        return dataclasses.replace(self, filters=kept)


@dataclass(frozen=True)
class Hit:
    """One picture of an answer.

    Attributes:
        picture: as the gallery knows it.
        caption: the caption that fits the request best; "" if it has none.
        score: cosine of its vector to the query's; 0 if the query has no vector.
        reasons: why it is here: "visual", "caption:<word>", "caption" (it means what was asked
            for in other words), "feedback", "filter".
    """

    picture: Picture
    caption: str
    score: float = 0.0
    reasons: tuple[str, ...] = ()

    @property
    def image_id(self) -> str:
        """Its id in the gallery."""
        return self.picture.image_id


@dataclass(frozen=True)
class SearchResult:
    """The answer to a query.

    Attributes:
        hits: best first.
        confident: False if nothing fits well, these hits included; None where nothing was named
            that could fit or not: by exclusions, filters, likes or an upload alone.
        total: how many pictures could be shown, these hits included: there are more to come
            while it is larger than their number.
        unknown: words of the request for something that the gallery does not have.
        may_show: exclusions of which a hit may still show something: by its looks, where it has no
            captions.
        ranked: rows of the gallery from which the hits were chosen, best first; what
            `Searcher.groups` looks at, so that a question costs no second search.
    """

    hits: tuple[Hit, ...]
    confident: bool | None
    total: int
    unknown: tuple[str, ...] = ()
    may_show: tuple[str, ...] = ()
    ranked: tuple[int, ...] = field(default=(), repr=False)


def _stemmed(phrase: str) -> list[str]:
    return [stem(word) for word in exclusion_phrase(phrase)]


def _latest(items: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """Return all, each once; the oldest go when there are too many."""
    return tuple(dict.fromkeys((*items, *more)))[-MOST_SEEN:]


def _with(items: tuple[str, ...], item: str) -> tuple[str, ...]:
    """Return the items with one more at the end, each once."""
    return (*_without(items, item), item)


def _without(items: tuple[str, ...], item: str) -> tuple[str, ...]:
    return tuple(other for other in items if other != item)
