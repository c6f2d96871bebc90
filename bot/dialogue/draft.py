"""A turn while it is being answered: what the operations work on, and its one search at the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from bot.dialogue.message import (
    HELP,
    LIFT_FILTERS,
    MORE,
    RESTART,
    UNDO,
    Button,
    Choice,
    Said,
    Words,
)
from bot.live.serving import Serving
from bot.sessions.questions import Outcome
from bot.sessions.record import SessionRecord, StoredHit, bounded
from bot.sessions.uploads import open_upload
from bot.settings import Settings
from bot.understanding.meaning import Meaning
from bot.understanding.operations import Filter
from bot.understanding.rasa_project import RasaProject
from bot.wording.edits import Editor
from bot.wording.questions import QuestionReader
from retrieval.errors import RetrievalError
from retrieval.search.clarify import Group
from retrieval.search.query import Hit, Query, SearchResult

__all__ = ["Asked", "Draft", "Show", "search_and_show", "show_pictures", "stored"]

_LONGEST_KEPT_CAPTION = 500


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


async def search_and_show(draft: Draft, show: Show) -> None:
    """Search, make the draft's query the running one, and show the pictures.

    Where nothing is found, the running search stays as it was, and that is said.
    """
    record, query = draft.record, bounded(draft.query)
    shown_before = record.shown if show.go_on else []
    try:
        result = await _search(draft, query, shown_before)
    except RetrievalError:
        filters = [o for o in draft.meaning.operations if isinstance(o, Filter) and o.value]
        if not filters:
            raise
        draft.asked = Asked(query, "refused", show.go_on)
        draft.say("utter_error_filter", key=filters[0].key, value=filters[0].value)
        return
    draft.asked = Asked(query, _outcome(result), show.go_on)
    if not result.hits:
        _say_nothing_found(draft, query, show)
        return
    response = show.response
    if result.confident is False and not show.go_on:
        response = "utter_not_sure" if query.texts else "utter_not_sure_by_image"
        if result.unknown:
            response = "utter_nothing_with"
    record.remember()
    hits = [stored(hit) for hit in result.hits]
    record.show(query, hits, shown_before=shown_before, confident=result.confident)
    draft.query = query
    values = {**show.values, "unknown": draft.words.quoted(result.unknown)}
    if response == "utter_excluded":
        values["excluded"], draft.left_out = ", ".join(draft.left_out), []
    more = result.total > len(result.hits)
    show_pictures(draft, response, result.hits, more=more, **values)
    if not show.go_on and draft.settings.ask and not record.asked:
        await _ask(draft, query, result)


def show_pictures(
    draft: Draft, response: str, hits: Sequence[Hit], *, more: bool, **values: str
) -> None:
    """Say a response with pictures below it, at least one.

    Args:
        draft: the turn; the variable {query} of the response is filled from its query.
        response: said above the pictures.
        hits: best first.
        more: whether to offer more pictures.
        values: for other variables of the response.
    """
    query, words = draft.query, draft.words
    similar = Button("similar_to_image", "similar_to_image", {"image": hits[0].image_id})
    lift = [LIFT_FILTERS] if query.filters else []
    buttons = [*([MORE] if more else []), similar, *lift, UNDO, RESTART]
    values = {"query": words.describe(query, draft.left_out), **values}
    choices, label = words.choices(buttons), words.describe(query)
    draft.said.append(Said(response, values, choices, tuple(hits), label))


def _outcome(result: SearchResult) -> Outcome:
    if not result.hits:
        return "nothing"
    if result.confident is False:
        return "refused" if result.unknown else "closest"
    return "confident"


def _say_nothing_found(draft: Draft, query: Query, show: Show) -> None:
    record = draft.record
    buttons = [UNDO, RESTART] if record.history else [HELP]
    if query.filters and not show.go_on:
        lift = [LIFT_FILTERS] if record.query.filters else []
        draft.say("utter_nothing_filtered", [*lift, *buttons], query=draft.words.describe(query))
    else:
        draft.say(show.nothing, buttons)
    draft.query = record.query


async def _ask(draft: Draft, query: Query, result: SearchResult) -> None:
    """Where the pictures found split into clear groups, ask once which of them is meant."""
    if result.total <= len(result.hits) or result.confident is False:
        return  # all of them are on the screen, or none fits
    searcher = draft.serving.bundle.searcher
    groups: tuple[Group, ...] = await draft.run(searcher.groups, query, result)
    if groups:
        draft.record.asked = True
        names, choice = draft.words.groups([group.label for group in groups])
        draft.record.options = names
        choices = [Choice.sending(name, "refine_search", {"query": name}) for name in names]
        draft.choose("utter_ask_group", choices, choice=choice)


async def _search(draft: Draft, query: Query, shown: list[str]) -> SearchResult:
    """Return what fits: the one place where a conversation searches."""
    image: Image.Image | None = None
    if query.image is not None:
        image = await draft.run(open_upload, draft.record.uploads[query.image])
    return await draft.serving.search(
        query,
        draft.settings.results,
        shown=shown,
        image=image,
        language=draft.project.language,
    )


def stored(hit: Hit) -> StoredHit:
    """Return a hit as the session record keeps it."""
    return StoredHit(
        image_id=hit.image_id,
        caption=hit.caption[:_LONGEST_KEPT_CAPTION],
        score=hit.score,
        reasons=list(hit.reasons),
    )
