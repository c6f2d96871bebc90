"""A turn while it is being answered: what the operations work on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.dialogue.replies import Button, Choice, Said, Words
from bot.live.serving import Serving
from bot.sessions.questions import Outcome
from bot.sessions.record import SessionRecord
from bot.settings import Settings
from bot.understanding.meaning import Meaning
from bot.understanding.rasa_project import RasaProject
from bot.wording.edits import Editor
from bot.wording.questions import QuestionReader
from retrieval.search.query import Query
from retrieval.search.result import Hit

__all__ = ["Asked", "Draft", "Show"]


@dataclass(frozen=True)
class Asked:
    """What was searched for in this turn.

    Attributes:
        query: the search, also one that found nothing.
        outcome: how it was answered.
        goes_on: whether it went on with a search that ran before.
    """

    query: Query
    outcome: Outcome
    goes_on: bool


@dataclass
class Show:
    """What is said when the search has run.

    Attributes:
        response: said above the pictures where they fit.
        nothing: said where there are none.
        go_on: leave out what this search has shown; else it begins anew.
        values: for variables of the response.
    """

    response: str
    nothing: str = "utter_nothing_found"
    go_on: bool = False
    values: dict[str, str] = field(default_factory=dict)


@dataclass
class Draft:
    """One turn on its way to an answer.

    Attributes:
        record: the sender's session.
        meaning: what the message means.
        serving: the bundle leased for the whole turn.
        run: runs blocking work in the serving threads (`LiveBundle.run`).
        settings: the server's settings.
        project: what can be said.
        words: of the language that is spoken.
        editor: changes what is searched for.
        questions: reads questions about pictures.
        query: the search as the operations leave it; the record keeps the one before until there
            are pictures for it.
        text: the message; "" where a program chose what to do.
        options: what was asked in the turn before, if something was.
        show: what to say with its pictures; None where nothing is to be searched.
        asked: what was searched for; None where nothing was.
        left_out: what this message excluded.
        said: what is said so far.
        at_last: what is said behind all of it.
    """

    record: SessionRecord
    meaning: Meaning
    serving: Serving
    run: Callable[..., Awaitable[Any]]
    settings: Settings
    project: RasaProject
    words: Words
    editor: Editor
    questions: QuestionReader
    query: Query
    text: str = ""
    options: tuple[str, ...] = ()
    show: Show | None = None
    asked: Asked | None = None
    left_out: list[str] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    at_last: list[Said] = field(default_factory=list)

    def say(self, response: str, buttons: Sequence[Button] = (), **values: object) -> None:
        """Say a response of the domain."""
        self.choose(response, self.words.choices(buttons), **values)

    def say_last(self, response: str) -> None:
        """Say a response once everything else is said."""
        self.at_last.append(Said(response))

    def choose(self, response: str, choices: Sequence[Choice], **values: object) -> None:
        """Say a response with quick replies whose titles are no words of the domain."""
        texts = {name: str(value) for name, value in values.items()}
        self.said.append(Said(response, texts, tuple(choices)))

    def search_and(
        self,
        response: str,
        nothing: str = "utter_nothing_found",
        *,
        go_on: bool = False,
        **values: str,
    ) -> None:
        """Search once all operations are done; what the first of them wants said is said."""
        if self.show is None:
            self.show = Show(response, nothing, go_on, values)

    async def compare(self, hits: Sequence[Hit], phrases: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return how much more than usual pictures show phrases, (hits, phrases).

        In standard deviations over the gallery.
        """
        ids = [hit.image_id for hit in hits]
        return await self.serving.compare(ids, phrases, self.project.language)

    async def find(self, image_id: str) -> Hit | None:
        """Return a picture of the gallery, or None if it has none of that id to show."""
        return await self.serving.find(image_id)
