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
