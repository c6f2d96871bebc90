"""What is noted of a turn for whoever runs the chat: the search, its outcome, the thumbs."""

from __future__ import annotations

from bot.dialogue.draft import Draft
from bot.sessions.questions import Question, bounded_question
from bot.sessions.record import is_search
from bot.understanding.operations import Rate

__all__ = ["to_question"]


def to_question(draft: Draft) -> Question | None:
    """Return what a turn asked for, or what its thumbs are about; None where it did neither."""
    record, asked = draft.record, draft.asked
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
