"""What a message is in its session: a new search, or a refinement of the one that runs.

The words alone often do not tell ("a red one", "the dog is white"). The session does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sessions.record import SessionRecord

__all__ = ["SEARCH", "in_doubt", "settle_intent"]

SEARCH, _REFINE = "search_images", "refine_search"

# A bare fragment at least this likely to be a refinement is one while a search runs.
_REFINE_SHARE = 0.3
_SHORT_WORDS = 4
# A bare sentence in doubt refines a search that it is close to, and begins one where it is far
# off: cosines of sentence vectors, as captions of one picture and of two differ in.
_DOUBT = 0.03
_CLOSE, _FAR = 0.5, 0.25


def settle_intent(
    parsed: Mapping[str, Any],
    record: SessionRecord,
    upload: str | None = None,
    similarity: float = 0.0,
) -> str:
    """Return what a message is in its session. This is the one place that decides it.

    What was understood from the words alone stands, but for these:
    - a message with a picture searches by that picture, its words beside it;
    - where no search runs there is nothing to refine: a fragment is a search ("on a beach");
    - while a search runs, a short text that is content throughout ("a red one") refines it when
      the interpreter finds that likely enough;
    - a longer one in doubt ("the dog is white") refines a search that it is close to in meaning.

    Args:
        parsed: The message as `Conversation.parse` gives it.
        record: The session of its sender.
        upload: Key of the picture that came with it.
        similarity: Cosine of the message to the closest text of the running search; asked for
            only where `in_doubt`.
    """
    intent = str(parsed["intent"]["name"])
    if upload is not None:
        return SEARCH
    if not parsed.get("text"):  # filters alone
        return _REFINE if record.searching else SEARCH
    if intent == _REFINE and not record.searching:
        return SEARCH
    if intent == SEARCH and record.searching and _is_bare(parsed):
        short = len(str(parsed["text"]).split()) <= _SHORT_WORDS
        if short and _refine_share(parsed) >= _REFINE_SHARE:
            return _REFINE
    if in_doubt(parsed, record):
        likely = _refine_share(parsed) >= 0.5
        return _REFINE if similarity >= _CLOSE or (likely and similarity >= _FAR) else SEARCH
    return intent


def in_doubt(parsed: Mapping[str, Any], record: SessionRecord) -> bool:
    """Whether only the running search can tell if a message refines it or begins another."""
    return (
        bool(record.query.texts)
        and parsed["intent"]["name"] in (SEARCH, _REFINE)
        and _is_bare(parsed)
        and len(str(parsed["text"]).split()) >= _SHORT_WORDS
        and _DOUBT <= _refine_share(parsed) <= 1 - _DOUBT
    )


def _is_bare(parsed: Mapping[str, Any]) -> bool:
    """Whether a message is content throughout, without words that say what to do."""
    text = parsed.get("text") or ""
    return any(
        entity["entity"] == "query" and entity["end"] - entity["start"] >= len(text.rstrip(" .!?"))
        for entity in parsed.get("entities") or []
    )


def _refine_share(parsed: Mapping[str, Any]) -> float:
    """Return how likely a refinement is, if it is that or a new search."""
    shares = {rank["name"]: rank["confidence"] for rank in parsed.get("intent_ranking") or []}
    refine, search = shares.get(_REFINE, 0.0), shares.get(SEARCH, 0.0)
    return float(refine / (refine + search)) if refine else 0.0
