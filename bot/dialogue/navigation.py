"""The operations that get about: more, back, anew; and small talk, which goes nowhere."""

from __future__ import annotations

import dataclasses

from bot.dialogue.draft import Draft, show_pictures, stored
from bot.dialogue.message import HELP, RESTART, UNDO
from bot.sessions.record import MAX_SHOWN, is_search
from bot.understanding.operations import Browse, Chat, More, Redo, Restart, SmallTalk, Undo, Unknown
from retrieval.search.query import Query, SearchResult

__all__ = ["browse", "more", "redo", "restart", "talk", "undo"]


async def more(draft: Draft, operation: More) -> None:
    """Go on with the running search; nothing already shown comes again."""
    shown = len(draft.record.shown)
    if not is_search(draft.query) and shown:
        await browse(draft, Browse())
    elif not is_search(draft.query):
        draft.say("utter_nothing_yet", [HELP])
    elif shown + draft.settings.results > MAX_SHOWN:
        draft.say("utter_shown_enough", [UNDO, RESTART], count=shown)
    else:
        response = "utter_others" if operation.instead else "utter_more"
        draft.search_and(response, "utter_no_more", go_on=True)


async def browse(draft: Draft, operation: Browse) -> None:  # noqa: ARG001
    """Show a bit of everything, and something else each time; the running search ends."""
    record = draft.record
    shown = [] if record.searching else record.shown
    searcher = draft.serving.bundle.searcher
    result: SearchResult = await draft.run(searcher.browse, draft.settings.results, shown=shown)
    if not result.hits:
        draft.say("utter_no_more" if shown else "utter_nothing_found", [HELP])
        return
    record.remember()
    record.show(Query(), [stored(hit) for hit in result.hits], shown_before=shown)
    draft.query = record.query
    more = result.total > len(result.hits)
    show_pictures(draft, "utter_browsed", result.hits, more=more)


async def undo(draft: Draft, operation: Undo) -> None:
    """Go back to the search before the last changes, and to its pictures as they were shown."""
    record = draft.record
    if not record.undo(operation.steps):
        draft.say("utter_nothing_to_undo", [RESTART] if record.searching else [HELP])
        return
    await _show_again(draft)


async def redo(draft: Draft, operation: Redo) -> None:  # noqa: ARG001
    """Take the last undo back."""
    if not draft.record.redo():
        draft.say("utter_nothing_to_redo", [RESTART] if draft.record.searching else [HELP])
        return
    await _show_again(draft)


async def _show_again(draft: Draft) -> None:
    record = draft.record
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
    """Say what the project's rules answer; beside something else, only what was not done."""
    if operation.beside and not isinstance(operation, Chat):
        return
    if isinstance(operation, Unknown) and operation.language:
        _other_language(draft, operation)
        return
    own = f"utter_{operation.intent}"
    responses = draft.project.responses
    if operation.beside and f"{own}_beside" in responses:
        draft.say_last(f"{own}_beside")
        return
    about = f"{own}_{operation.about}" if isinstance(operation, Chat) and operation.about else own
    for action in draft.project.actions_for(operation.intent):
        if action in responses:  # a rule of somebody's own
            draft.say(action)
            continue
        response = about if about in responses else own
        if draft.record.last_said == response and f"{own}_again" in responses:
            response = f"{own}_again"  # the same sentence twice running sounds deaf
        if response in responses:
            draft.say(response)


def _other_language(draft: Draft, operation: Unknown) -> None:
    """Search for what was said in another language, or say in it which one is spoken here."""
    if draft.serving.multilingual is None or not operation.text:
        sentence = draft.project.turn_away(operation.language)
        draft.say("utter_other_language", [HELP], sentence=sentence)
        return
    draft.record.asked = False
    wish = draft.project.wish(operation.language, operation.text)
    draft.query = Query(texts=(wish,), language=operation.language)
    draft.search_and("utter_found")
    draft.say_last("utter_found_in_other_language")
