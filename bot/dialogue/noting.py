"""What is noted of a turn for whoever runs the chat: the search, its outcome, the thumbs.

And the messages that were taken for no wish, but may have been one.
"""

from __future__ import annotations

from bot.dialogue.draft import Draft
from bot.sessions.questions import Question, bounded_question
from bot.sessions.record import is_search
from bot.understanding.operations import Chat, Rate
from bot.understanding.pieces import OTHER, SURE
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
    """Tell whether a message may have been a wish, but was taken for none.

    No payload, no subject that has an answer of its own, and nothing that is surely no wish: "my
    knee hurts" is nobody's business.
    """
    if not draft.text or draft.text.startswith("/") or draft.meaning.confidence >= SURE:
        return False
    return all(
        isinstance(one, Chat) and one.intent == OTHER and not one.about
        for one in draft.meaning.operations
    )
