"""What a search answers with."""

from dataclasses import dataclass, field

from retrieval.store.protocol import Picture

__all__ = ["Hit", "SearchResult"]


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
        confident: False if nothing fits well, these hits included.
        total: how many pictures could be shown, these hits included: there are more to come
            while it is larger than their number.
        ranked: rows of the gallery from which the hits were chosen, best first; what
            `Searcher.groups` looks at, so that a question costs no second search.
    """

    hits: tuple[Hit, ...]
    confident: bool
    total: int
    ranked: tuple[int, ...] = field(default=(), repr=False)
