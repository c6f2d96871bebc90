"""What all custom actions share: the frame around one answer, and searching and showing."""

from __future__ import annotations

import logging
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from PIL import Image
from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from bot.dialogue.replies import HELP, LIFT_FILTERS, RESTART, UNDO, Speaker, keep
from bot.dialogue.turns import OpenTurn, running_turn
from bot.sessions.record import SessionRecord
from bot.sessions.uploads import open_upload
from bot.understanding.meaning import Heard
from retrieval.errors import RetrievalError
from retrieval.search.clarify import Group
from retrieval.search.query import Query
from retrieval.search.searcher import Hit, SearchResult

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scene:
    """What an action works with: the running turn, what was heard, and a voice."""

    turn: OpenTurn
    heard: Heard
    speaker: Speaker

    @property
    def record(self) -> SessionRecord:
        """The sender's session."""
        return self.turn.record

    async def find(self, image_id: str) -> Hit | None:
        """Return a picture of the gallery, or None if it has none of that id."""
        hit: Hit | None = await self.turn.run(self.turn.serving.bundle.searcher.get, image_id)
        return hit


class SearchAction(Action):  # type: ignore[misc]  # rasa_sdk has no types
    """One custom action; a subclass says what it answers."""

    action_name: ClassVar[str]

    def name(self) -> str:
        """Return the name under which domain and rules know the action."""
        return self.action_name

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Answer the latest message; an error leaves the record as it was and is uttered."""
        turn = running_turn()
        before = turn.record.model_copy(deep=True)
        try:
            heard = Heard.of(tracker.latest_message)
            await self.answer(Scene(turn, heard, Speaker(dispatcher, domain, turn)))
        except Exception:
            logger.exception("%s failed for %r", self.action_name, turn.record.sender_id)
            turn.record.become(before)
            dispatcher.messages.clear()
            dispatcher.utter_message(response="utter_sorry")
        return []

    @abstractmethod
    async def answer(self, scene: Scene) -> None:
        """Change the running search and say what came of it."""


async def search_and_show(
    scene: Scene,
    query: Query,
    response: str,
    nothing: str = "utter_nothing_found",
    *,
    go_on: bool = False,
    **values: object,
) -> None:
    """Search, make the query the running one, and show the pictures.

    Where nothing is found, the running search stays as it was and `nothing` is uttered.

    Args:
        scene: The running turn.
        query: The query to run.
        response: Said above the pictures when they fit.
        nothing: Said when there are none.
        go_on: Leave out what this search has shown; otherwise it begins anew.
        values: For variables of the response.
    """
    record, speaker = scene.record, scene.speaker
    shown_before = record.shown if go_on else []
    try:
        result = await _search(scene.turn, query, shown_before)
    except RetrievalError:
        if not scene.heard.filters:
            raise
        key, value = scene.heard.filters[0]
        speaker.say("utter_error_filter", key=key, value=value)
        return
    if not result.hits:
        buttons = [UNDO, RESTART] if record.history else [HELP]
        if query.filters and not go_on:
            lift = [LIFT_FILTERS] if record.query.filters else []
            speaker.say("utter_nothing_filtered", [*lift, *buttons], query=speaker.describe(query))
        else:
            speaker.say(nothing, buttons)
        return
    if not result.confident and not go_on:
        response = "utter_not_sure" if query.texts else "utter_not_sure_by_image"
    record.remember()
    record.show(query, keep(result.hits), shown_before=shown_before)
    speaker.show(response, query, result.hits, more=result.total > len(result.hits), **values)
    if not go_on and scene.turn.settings.ask and not record.asked:
        await _ask(scene, query, result)


async def _ask(scene: Scene, query: Query, result: SearchResult) -> None:
    """Where the pictures found split into clear groups, ask once which of them is meant."""
    if result.total <= len(result.hits):
        return  # all of them are on the screen
    searcher = scene.turn.serving.bundle.searcher
    groups: tuple[Group, ...] = await scene.turn.run(searcher.groups, query, result)
    if groups:
        scene.record.asked = True
        scene.speaker.ask_group([group.label for group in groups])


async def _search(turn: OpenTurn, query: Query, shown: list[str]) -> SearchResult:
    image: Image.Image | None = None
    if query.image is not None:
        image = await turn.run(open_upload, turn.record.uploads[query.image])
    return await turn.serving.search(query, turn.settings.results, shown=shown, image=image)
