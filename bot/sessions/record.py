"""What is remembered of one sender between turns: typed, versioned, bounded."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import secrets
import time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.errors import NotYours
from bot.sessions.talk import Exchange
from retrieval.search.query import Query

# Pictures shown for one search; a person who has seen this many is asked to say more.
MAX_SHOWN = 600
MAX_HISTORY = 20
MAX_OPTIONS = 10
MAX_UPLOADS = 3
MAX_RATINGS = 500
MAX_TEXTS = 32
MAX_EXCLUDED = 50
MAX_FEEDBACK = 100
MAX_FILTERS = 20
# A message is repeated at once or never.
MAX_ANSWERED = 20
MAX_RECORD_BYTES = 1_000_000


def is_search(query: Query) -> bool:
    """Whether a query asks for pictures; "no people" does too: for all without them."""
    return bool(query.texts or query.image or query.liked or query.filters or query.excluded)


def bounded(query: Query) -> Query:
    """Return a query that can grow no further: the oldest of each kind go.

    The first text stays: it is the search itself, what follows are refinements.
    """
    texts = query.texts
    if len(texts) > MAX_TEXTS:
        texts = (texts[0], *texts[1 - MAX_TEXTS :])
    return dataclasses.replace(
        query,
        texts=texts,
        liked=query.liked[-MAX_FEEDBACK:],
        disliked=query.disliked[-MAX_FEEDBACK:],
        filters=query.filters[-MAX_FILTERS:],
    ).leave_out(query.excluded[-MAX_EXCLUDED:])


class StoredHit(BaseModel):
    """One picture as it was shown."""

    model_config = ConfigDict(extra="forbid")

    image_id: str
    caption: str = ""
    score: float
    reasons: list[str] = []


class SearchState(BaseModel):
    """A search at one moment: what undo goes back to."""

    model_config = ConfigDict(extra="forbid")

    query: Query = Field(default_factory=Query)
    shown: list[str] = Field(default=[], max_length=MAX_SHOWN)
    hits: list[StoredHit] = []
    confident: bool | None = None  # whether the hits fit; None where nothing was searched


class SessionRecord(SearchState):
    """The whole memory of one sender."""

    v: Literal[1] = 1
    sender_id: str
    turn: int = 0
    last_said: str = ""  # name of the first response of the last turn
    focus: str = ""  # id of the picture that was spoken of last
    asked: bool = False  # whether this search has had its clarifying question
    options: list[str] = Field(default=[], max_length=MAX_OPTIONS)  # what was asked a turn ago
    history: list[SearchState] = Field(default=[], max_length=MAX_HISTORY)
    undone: list[SearchState] = Field(default=[], max_length=MAX_HISTORY)  # the latest last
    uploads: dict[str, str] = Field(default={}, max_length=MAX_UPLOADS)
    owner: str = ""  # hash of the secret that it was begun with; empty: open to who knows its name
    ratings: dict[str, Literal["up", "down"]] = Field(default={}, max_length=MAX_RATINGS)
    answered: list[str] = Field(default=[], max_length=MAX_ANSWERED)  # ids of the last messages
    exchange: Exchange | None = Field(default=None, exclude=True)  # of this turn; kept beside it
    updated_at: float = Field(default_factory=time.time)

    @property
    def last_hits(self) -> list[str]:
        """Ids of the pictures shown last, in their order."""
        return [hit.image_id for hit in self.hits]

    @property
    def in_focus(self) -> list[str]:
        """Id of the picture that "this" means: spoken of last and still shown, else the first."""
        return [self.focus] if self.focus in self.last_hits else self.last_hits[:1]

    @property
    def searching(self) -> bool:
        """Whether there is a search that can be refined, continued or undone."""
        return is_search(self.query)

    def claim(self, secret: str) -> None:
        """Let in who began this conversation; the first message with a secret makes it theirs.

        One that was begun without a secret stays open, so that programs and Rasa's clients may
        choose a sender of their own.

        Raises:
            NotYours: it was begun with another secret.
        """
        if not self.turn:
            self.owner = _hash(secret)
        elif self.owner:
            self.check_owner(secret)

    def check_owner(self, secret: str) -> None:
        """Let in who began this conversation with a secret, and nobody else.

        Raises:
            NotYours: it was begun without a secret, or with another one.
        """
        if not self.owner or not secrets.compare_digest(self.owner, _hash(secret)):
            raise NotYours("This conversation was started by somebody else: start one of your own.")

    def keep(self, exchange: Exchange) -> None:
        """Put down what was said in this turn; saved with it, in a place of its own."""
        self.exchange = exchange
        self.answered = [*self.answered, exchange.id][-MAX_ANSWERED:]

    def remember(self) -> None:
        """Put the search as it is now on the history, before it changes."""
        self.history = [*self.history, self._now()][-MAX_HISTORY:]
        self.undone = []

    def undo(self, steps: int = 1) -> bool:
        """Bring back the search before the last changes; False if there was none."""
        had_one = bool(self.history)
        for _ in range(min(steps, len(self.history))):
            self.undone = [*self.undone, self._now()][-MAX_HISTORY:]
            self._become_state(self.history.pop())
        return had_one

    def redo(self) -> bool:
        """Bring back the search before the last undo; False if nothing was undone since."""
        if not self.undone:
            return False
        self.history = [*self.history, self._now()][-MAX_HISTORY:]
        self._become_state(self.undone.pop())
        return True

    def _now(self) -> SearchState:
        return SearchState(
            query=self.query,
            shown=list(self.shown),
            hits=list(self.hits),
            confident=self.confident,
        )

    def _become_state(self, state: SearchState) -> None:
        self.query, self.shown, self.hits = state.query, state.shown, state.hits
        self.confident = state.confident

    def show(
        self,
        query: Query,
        hits: list[StoredHit],
        *,
        shown_before: list[str],
        confident: bool | None = None,
    ) -> None:
        """Make `query` the running search and `hits` the pictures now on the screen."""
        self.query = bounded(query)
        self.hits, self.confident = hits, confident
        new = [hit.image_id for hit in hits if hit.image_id not in shown_before]
        self.shown = [*shown_before, *new][-MAX_SHOWN:]

    def clear(self) -> None:
        """End the running search."""
        self._become_state(SearchState())

    def rate(self, image_id: str, rating: Literal["up", "down"]) -> None:
        """Keep a thumb; the oldest goes when there are too many."""
        self.ratings.pop(image_id, None)
        self.ratings[image_id] = rating
        while len(self.ratings) > MAX_RATINGS:
            del self.ratings[next(iter(self.ratings))]

    def add_upload(self, key: str, jpeg_base64: str) -> None:
        """Keep an uploaded picture; states that need one that has to go, go with it."""
        self.uploads[key] = jpeg_base64
        while len(self.uploads) > MAX_UPLOADS:
            oldest = next(iter(self.uploads))
            del self.uploads[oldest]
            last_use = max(
                (i for i, state in enumerate(self.history) if state.query.image == oldest),
                default=-1,
            )
            self.history = self.history[last_use + 1 :]
            if any(state.query.image == oldest for state in self.undone):
                self.undone = []

    def copied(self) -> SessionRecord:
        """Return a copy that no turn of this record changes; states and hits are shared.

        Those are exchanged for others and never changed.
        """
        return self.model_copy(update={name: copy.copy(value) for name, value in self})

    def become(self, other: SessionRecord) -> None:
        """Take over everything of another record of the same sender."""
        for name in type(self).model_fields:
            setattr(self, name, getattr(other, name))

    def dump_bounded(self) -> str:
        """Return the record as JSON of at most about MAX_RECORD_BYTES.

        What was undone is given up first, then the oldest history.
        """
        body = self.model_dump_json()
        while len(body) > MAX_RECORD_BYTES and (self.undone or self.history):
            if not self.undone:
                self.history = self.history[(len(self.history) + 1) // 2 :]
            self.undone = []
            body = self.model_dump_json()
        return body


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest() if secret else ""
