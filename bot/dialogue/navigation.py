"""The operations that get about: more, back, anew; and small talk, which goes nowhere."""

from __future__ import annotations

import dataclasses

from bot.dialogue.draft import Draft
from bot.dialogue.replies import HELP, RESTART, UNDO
from bot.dialogue.showing import show_pictures
from bot.sessions.record import MAX_SHOWN, is_search
from bot.understanding.operations import More, Restart, SmallTalk, Undo
from retrieval.search.query import Query

__all__ = ["more", "restart", "talk", "undo"]


async def more(draft: Draft, operation: More) -> None:  # noqa: ARG001
    """Go on with the running search; nothing already shown comes again."""
    shown = len(draft.record.shown)
    if not is_search(draft.query):
        draft.say("utter_nothing_yet", [HELP])
    elif shown + draft.settings.results > MAX_SHOWN:
        draft.say("utter_shown_enough", [UNDO, RESTART], count=shown)
    else:
        draft.search_and("utter_more", "utter_no_more", go_on=True)


async def undo(draft: Draft, operation: Undo) -> None:  # noqa: ARG001
    """Go back to the search before the last change, and to its pictures as they were shown."""
    record = draft.record
    if not record.undo():
        draft.say("utter_nothing_to_undo", [RESTART] if record.searching else [HELP])
        return
    draft.query = record.query
    record.asked = True  # to be asked again what was just taken back would annoy
    hits = []
    for kept in record.hits:
        hit = await draft.find(kept.image_id)
        if hit is not None:  # the gallery may have lost it since
            reasons = tuple(kept.reasons)
            hits.append(
                dataclasses.replace(hit, caption=kept.caption, score=kept.score, reasons=reasons)
            )
    if hits:
        show_pictures(draft, "utter_undone", hits, more=True)
    else:
        draft.say("utter_undone_to_start", [HELP])


async def restart(draft: Draft, operation: Restart) -> None:  # noqa: ARG001
    """Forget the running search with its exclusions; undo brings it back."""
    record = draft.record
    if record.searching:
        record.remember()
        record.clear()
    draft.query = Query()
    draft.say("utter_restarted", [UNDO] if record.history else [HELP])


async def talk(draft: Draft, operation: SmallTalk) -> None:
    """Say what the project's rules answer."""
    for response in draft.project.actions_for(operation.intent):
        if response in draft.project.responses:
            draft.say(response)
