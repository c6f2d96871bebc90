"""What somebody looks for: an immutable value that the turns of a conversation evolve.

A query is plain data. It names pictures by id and an upload by key, holds no vectors, and goes
through JSON unchanged, so that a session record can keep it. How it becomes one vector is
`compose`, here; how it becomes a ranking is searcher.py.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict

from retrieval.store.vectors import Vectors
from retrieval.store.words import exclusion_phrase, stem

__all__ = ["MOST_SEEN", "Query", "combine_texts", "compose"]

MOST_SEEN = 200
"""So many pictures are remembered as seen."""

# How strongly each signal pulls (+) or pushes (-), before normalisation. Feedback as Rocchio
# (1971) has it; that of a dislike was chosen on Flickr8k's train images, where a like was best
# between 0.4 and 1. An uploaded picture weighs as much as the words beside it.
IMAGE_WEIGHT = 1.0
LIKED_WEIGHT = 0.75
DISLIKED_WEIGHT = 0.35


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


def combine_texts(vectors: Vectors) -> Vectors:
    """Return one vector for a search and its refinements.

    Averaging the texts' vectors keeps gaining with every turn, where encoding the joined text
    stops after three: Recall@10 after 1-5 captions of 64/72/77/78/79 against 64/72/73/75/76
    (Flickr8k dev, 1,000 pictures).

    Args:
        vectors: (n, dimension), n at least 1, each normalised, oldest first.

    Returns:
        (dimension,), normalised.
    """
    return _normalize(np.asarray(vectors.mean(axis=0)))


def compose(
    texts: Vectors,
    image: Vectors | None,
    liked: Vectors,
    disliked: Vectors,
    picture_weight: float = 1.0,
) -> Vectors | None:
    """Return the one vector that a query's signals amount to.

    All vectors are normalised and share one dimension; those of texts come from the text tower,
    the others from the image tower. What is excluded is no part of it: taking a vector away leads
    somewhere else instead of leaving something out (see vision.py).

    Args:
        texts: (n, dimension), of the search and its refinements.
        image: (dimension,), of the uploaded picture, or None.
        liked: (n, dimension), of the liked pictures.
        disliked: (n, dimension), of the disliked pictures.
        picture_weight: how much a picture counts beside a text with this model (see cosines.py).

    Returns:
        (dimension,), normalised, or None when there is no signal, or signals cancel out.
    """
    parts: list[Vectors] = []
    if len(texts):
        parts.append(combine_texts(texts))
    if image is not None:
        parts.append(np.float32(picture_weight * IMAGE_WEIGHT) * image)
    for vectors, weight in ((liked, LIKED_WEIGHT), (disliked, -DISLIKED_WEIGHT)):
        if len(vectors):
            parts.append(np.float32(picture_weight * weight) * vectors.mean(axis=0))
    if not parts:
        return None
    total = np.asarray(np.sum(parts, axis=0), np.float32)
    return _normalize(total) if np.linalg.norm(total) > 1e-6 else None


def _normalize(vector: Vectors) -> Vectors:
    """Return the vector at length 1; one of length 0 (opposite texts) stays 0."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)


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
