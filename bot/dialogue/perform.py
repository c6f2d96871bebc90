"""Carrying out a meaning: each operation in its order, then one search for all of them.

And what is noted of a turn for whoever runs the chat.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from bot.dialogue import asking, describing, feedback, navigation, searching
from bot.dialogue.draft import Draft, search_and_show
from bot.dialogue.message import HELP, RESTART, UNDO, Said
from bot.sessions.questions import Question
from bot.sessions.record import bounded, is_search
from bot.understanding import operations as op
from bot.understanding.pieces import OTHER, SURE
from retrieval.errors import StoreUnavailable

__all__ = ["PERFORM", "perform", "to_question"]

logger = logging.getLogger(__name__)

PERFORM: dict[type[op.Operation], Callable[[Draft, Any], Awaitable[None]]] = {
    op.Search: searching.search,
    op.Refine: searching.refine,
    op.Replace: searching.replace,
    op.Exclude: searching.exclude,
    op.Allow: searching.allow,
    op.Filter: searching.narrow,
    op.Like: feedback.like,
    op.Unlike: feedback.unlike,
    op.Describe: describing.describe,
    op.Rate: feedback.rate,
    op.More: navigation.more,
    op.Browse: navigation.browse,
    op.Answer: searching.answer,
    op.Ask: asking.ask,
    op.Undo: navigation.undo,
    op.Redo: navigation.redo,
    op.Restart: navigation.restart,
    op.Greet: navigation.talk,
    op.Thank: navigation.talk,
    op.Goodbye: navigation.talk,
    op.Help: navigation.talk,
    op.Chat: navigation.talk,
    op.Unknown: navigation.talk,
}
"""What each operation does."""


async def perform(draft: Draft) -> None:
    """Answer a message; an error leaves the record as it was, and that is said.

    Raises:
        StoreUnavailable: the server that holds the gallery does not answer.
    """
    before = draft.record.copied()
    draft.options, draft.record.options = tuple(draft.record.options), []
    try:
        first, rest = draft.meaning.operations[:1], draft.meaning.operations[1:]
        # "Dogs, and tell me how sure you are" asks about what is found then.
        asked = [one for one in rest if isinstance(one, op.Ask)]
        for operation in (*first, *(one for one in rest if not isinstance(one, op.Ask))):
            await PERFORM[type(operation)](draft, operation)
        await _finish(draft)
        for operation in asked:
            await PERFORM[type(operation)](draft, operation)
        draft.said += draft.at_last
        draft.record.last_said = draft.said[0].response if draft.said else ""
    except StoreUnavailable:
        raise  # the turn is not kept: the same message may work in a moment
    except Exception:
        names = ", ".join(operation.do for operation in draft.meaning.operations)
        logger.exception("%s failed for %r", names, draft.record.sender_id)
        draft.record.become(before)
        draft.asked = None
        draft.said = [Said("utter_sorry")]


async def _finish(draft: Draft) -> None:
    """Make the query the running one, with its pictures where the operations want them."""
    record = draft.record
    if draft.show is not None and is_search(draft.query):
        await search_and_show(draft, draft.show)
    elif draft.show is not None and record.searching:  # its last part was taken out
        record.remember()
        record.clear()
        draft.say("utter_restarted", [UNDO])
    elif draft.show is not None:
        draft.say("utter_ask_query", [RESTART] if record.searching else [HELP])
    elif draft.query != record.query:
        record.remember()
        record.query = bounded(draft.query)


def to_question(draft: Draft) -> Question | None:
    """Return what is noted of a turn: its search, its thumbs, or words not understood.

    None where it is none of these.
    """
    record, asked, version = draft.record, draft.asked, draft.serving.version
    language = draft.project.language
    if asked is None and _is_not_understood(draft):
        lost = [draft.text]
        return Question(wanted=lost, language=language, outcome="not_understood", version=version)
    if asked is None:
        rated = any(isinstance(one, op.Rate) and one.rating for one in draft.meaning.operations)
        if not rated or not is_search(record.query):
            return None
    query = asked.query if asked else record.query
    # One that found nothing left the running search as it was.
    shown = record.shown if query == record.query else []
    thumbs = {
        rating: [one for one in shown if record.ratings.get(one) == rating]
        for rating in ("up", "down")
    }
    return Question(
        wanted=list(query.texts),
        excluded=list(query.excluded),
        filters=list(query.filters),
        uploaded=query.image is not None,
        language=query.language or language,
        outcome=asked.outcome if asked else None,
        goes_on=asked is None or asked.goes_on,
        shown=shown,
        up=[*query.liked, *thumbs["up"]],
        down=[*query.disliked, *thumbs["down"]],
        version=version,
    )


def _is_not_understood(draft: Draft) -> bool:
    """Tell whether a message may have been a wish, but was taken for none.

    No payload, no subject that has an answer of its own, and nothing that is surely no wish: "my
    knee hurts" is nobody's business.
    """
    if not draft.text or draft.text.startswith("/") or draft.meaning.confidence >= SURE:
        return False
    return all(
        isinstance(one, op.Chat) and one.intent == OTHER and not one.about
        for one in draft.meaning.operations
    )
