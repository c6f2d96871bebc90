"""The custom actions: the only place where a turn changes the search.

They are rasa_sdk actions. The embedded dialogue manager runs them in this process and a Rasa
server through the action server, over the same session record, so both do the same. An action
that fails puts the record back and says so, because Rasa would turn its error into silence.
"""

from __future__ import annotations

import dataclasses

from bot.dialogue.acting import Scene, SearchAction, search_and_show
from bot.dialogue.feedback import (
    ActionDescribeImage,
    ActionRateImage,
    ActionSimilarToImage,
    ActionUnlikeImage,
)
from bot.dialogue.replies import HELP, MORE, RESTART, UNDO
from bot.sessions.record import MAX_SHOWN
from retrieval.search.query import Query

MAX_TEXTS = 32


class ActionSearchImages(SearchAction):
    """Begins a search by words, by an uploaded picture, or by both; exclusions stay."""

    action_name = "action_search_images"

    async def answer(self, scene: Scene) -> None:
        """Show what fits."""
        text = scene.heard.query
        filters = any(value is not None for _, value in scene.heard.filters)
        if not text and not scene.turn.upload and not filters:
            scene.speaker.say("utter_ask_query", [HELP])
            return
        query = scene.heard.narrow(
            Query(
                texts=(text,) if text else (),
                image=scene.turn.upload,
                excluded=scene.heard.still_excluded(scene.record.query.excluded),
            )
        )
        if scene.heard.excluded:
            query = query.exclude(scene.heard.excluded)
        scene.record.asked = False
        if not scene.turn.upload:
            response = "utter_found"
        else:
            response = "utter_found_by_image_and_text" if text else "utter_found_by_image"
        await search_and_show(scene, query, response)


class ActionRefineSearch(SearchAction):
    """Sharpens the running search with more words."""

    action_name = "action_refine_search"

    async def answer(self, scene: Scene) -> None:
        """Show what fits all that was said."""
        running = scene.record.query
        if not scene.record.searching:
            scene.speaker.say("utter_nothing_yet", [HELP])
        elif not scene.heard.query and not scene.heard.filters:
            scene.speaker.say("utter_ask_query", [RESTART])
        else:
            query = scene.heard.narrow(running)
            if scene.heard.query:
                query = query.refine(scene.heard.query, seen=scene.record.last_hits)
            if len(query.texts) > MAX_TEXTS:  # the search itself stays, with its latest words
                texts = (query.texts[0], *query.texts[1 - MAX_TEXTS :])
                query = dataclasses.replace(query, texts=texts)
            query = dataclasses.replace(query, excluded=scene.heard.still_excluded(query.excluded))
            await search_and_show(scene, query, "utter_refined")


class ActionExcludeFromSearch(SearchAction):
    """Takes something out of the running search, until a restart, or lets it in again."""

    action_name = "action_exclude_from_search"

    async def answer(self, scene: Scene) -> None:
        """Show what fits without it, or with what is allowed again."""
        if not scene.record.searching:
            scene.speaker.say("utter_nothing_yet", [HELP])
        elif scene.heard.allowed:
            await self._allow(scene, scene.heard.allowed)
        elif not scene.heard.excluded:
            scene.speaker.say("utter_ask_excluded", [RESTART])
        else:
            query = scene.heard.narrow(scene.record.query.exclude(scene.heard.excluded))
            await search_and_show(scene, query, "utter_excluded", excluded=scene.heard.excluded)

    async def _allow(self, scene: Scene, allowed: str) -> None:
        lifted = scene.heard.lifted(scene.record.query.excluded)
        if not lifted:
            scene.speaker.say("utter_not_excluded", [MORE, RESTART], allowed=allowed)
            return
        query = scene.record.query
        for phrase in lifted:
            query = query.allow(phrase)
        await search_and_show(scene, query, "utter_allowed", allowed=", ".join(lifted))


class ActionMoreImages(SearchAction):
    """Goes on with the running search; nothing already shown comes again."""

    action_name = "action_more_images"

    async def answer(self, scene: Scene) -> None:
        """Show the next pictures."""
        record = scene.record
        if not record.searching:
            scene.speaker.say("utter_nothing_yet", [HELP])
        elif len(record.shown) + scene.turn.settings.results > MAX_SHOWN:
            scene.speaker.say("utter_shown_enough", [UNDO, RESTART], count=len(record.shown))
        else:
            await search_and_show(scene, record.query, "utter_more", "utter_no_more", go_on=True)


class ActionUndoSearch(SearchAction):
    """Goes back to the search before the last change."""

    action_name = "action_undo_search"

    async def answer(self, scene: Scene) -> None:
        """Show the pictures of then, exactly as they were shown."""
        record = scene.record
        if not record.undo():
            scene.speaker.say("utter_nothing_to_undo", [RESTART] if record.searching else [HELP])
            return
        record.asked = True  # to be asked again what was just taken back would annoy
        hits = []
        for kept in record.hits:
            hit = await scene.find(kept.image_id)
            if hit is not None:  # the gallery may have lost it since
                hits.append(
                    dataclasses.replace(
                        hit, caption=kept.caption, score=kept.score, reasons=tuple(kept.reasons)
                    )
                )
        if hits:
            scene.speaker.show("utter_undone", record.query, hits, more=True)
        else:
            scene.speaker.say("utter_undone_to_start", [HELP])


class ActionRestartSearch(SearchAction):
    """Forgets the running search with its exclusions; undo brings it back."""

    action_name = "action_restart_search"

    async def answer(self, scene: Scene) -> None:
        """Say that there is no search now."""
        if scene.record.searching:
            scene.record.remember()
            scene.record.clear()
        scene.speaker.say("utter_restarted", [UNDO] if scene.record.history else [HELP])


ACTIONS: tuple[type[SearchAction], ...] = (
    ActionSearchImages,
    ActionRefineSearch,
    ActionExcludeFromSearch,
    ActionMoreImages,
    ActionSimilarToImage,
    ActionUnlikeImage,
    ActionDescribeImage,
    ActionUndoSearch,
    ActionRestartSearch,
    ActionRateImage,
)
