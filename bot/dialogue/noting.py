"""What is noted of a turn for whoever runs the chat: the search, its outcome, the thumbs.

And the messages that were taken for no wish: "Monet" may have been one.
"""

from __future__ import annotations

from bot.dialogue.draft import Draft
from bot.sessions.questions import Question, bounded_question
from bot.sessions.record import is_search
from bot.understanding.operations import Chat, Operation, Rate, Unknown
from bot.understanding.pieces import OTHER
from retrieval.search.query import Query

__all__ = ["to_question"]


def to_question(draft: Draft) -> Question | None:
    """Return what a turn asked for, what its thumbs are about, or what was not understood.

    None where it is none of these.
    """
    record, asked = draft.record, draft.asked
    if asked is None and _is_not_understood(draft):
        return bounded_question(Query(texts=(draft.text,)), ()).model_copy(
            update={
                "language": draft.project.language,
                "outcome": "not_understood",
                "version": draft.serving.version,
            }
        )
    if asked is None:
        rated = any(isinstance(one, Rate) and one.rating for one in draft.meaning.operations)
        if not rated or not is_search(record.query):
            return None
    query = asked.query if asked else record.query
    ran = query == record.query  # one that found nothing left the running search as it was
    ratings = record.ratings
    question = bounded_question(query, record.shown if ran else ())
    thumbs_up = [one for one in question.shown if ratings.get(one) == "up"]
    thumbs_down = [one for one in question.shown if ratings.get(one) == "down"]
    return question.model_copy(
        update={
            "language": query.language or draft.project.language,
            "outcome": asked.outcome if asked else None,
            "goes_on": asked is None or asked.goes_on,
            "up": list(dict.fromkeys([*query.liked, *thumbs_up])),
            "down": list(dict.fromkeys([*query.disliked, *thumbs_down])),
            "version": draft.serving.version,
        }
    )


def _is_not_understood(draft: Draft) -> bool:
    """Tell whether a message, which is no payload, got no answer but that it is out of scope."""
    is_written = bool(draft.text) and not draft.text.startswith("/")
    return is_written and all(map(_is_out_of_scope, draft.meaning.operations))


def _is_out_of_scope(operation: Operation) -> bool:
    """Tell whether something is out of scope and of no subject that has an answer of its own."""
    if isinstance(operation, Chat):
        return operation.intent == OTHER and not operation.about
    return isinstance(operation, Unknown)
