"""What a message is in its session: `settle_intent` and what it asks the search."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sessions.record import SessionRecord
from bot.understanding.settling import settle_intent
from retrieval.search.query import Query
from tests.bot.talk import Stage, facts_of


def _parsed(intent: str, text: str, refine: float = 0.0) -> dict[str, Any]:
    return {
        "text": text,
        "intent": {"name": intent, "confidence": 0.6},
        "entities": [{"entity": "query", "start": 0, "end": len(text), "value": text}],
        "intent_ranking": [
            {"name": "search_images", "confidence": 1 - refine},
            {"name": "refine_search", "confidence": refine},
        ],
    }


@pytest.mark.parametrize(
    ("parsed", "searching", "upload", "intent"),
    [
        (_parsed("refine_search", "on a beach"), False, None, "search_images"),
        (_parsed("refine_search", "on a beach"), True, None, "refine_search"),
        (_parsed("search_images", "a red one", 0.35), True, None, "refine_search"),
        (_parsed("search_images", "a red one", 0.35), False, None, "search_images"),
        (_parsed("search_images", "a red one", 0.1), True, None, "search_images"),
        (_parsed("search_images", "two dogs play in the snow", 0.4), True, None, "search_images"),
        (_parsed("greet", "hello"), True, None, "greet"),
        (_parsed("similar_to_image", "like this"), True, "key", "search_images"),
        (_parsed("search_images", ""), True, None, "refine_search"),
        (_parsed("search_images", ""), False, None, "search_images"),
    ],
)
def test_the_session_settles_what_a_message_is(
    parsed: dict[str, Any], searching: bool, upload: str | None, intent: str
) -> None:
    record = SessionRecord(sender_id="anna", query=Query(("a dog",)) if searching else Query())
    assert settle_intent(parsed, record, upload) == intent


@pytest.mark.parametrize(
    ("refine", "similarity", "intent"),
    [
        (0.2, 0.7, "refine_search"),
        (0.2, 0.1, "search_images"),
        (0.7, 0.3, "refine_search"),
        (0.7, 0.1, "search_images"),
        (0.01, 0.9, "search_images"),
    ],
)
def test_in_doubt_the_running_search_tells(refine: float, similarity: float, intent: str) -> None:
    record = SessionRecord(sender_id="anna", query=Query(("a dog",)))
    parsed = _parsed("search_images", "the dog is all white", refine)
    assert settle_intent(parsed, record, None, similarity) == intent


def test_what_is_close_to_the_search_refines_it(stage: Stage) -> None:
    stage.say("close", "a blue circle")
    record = stage.record("close")
    close, far = (
        stage.conversation._interpreter.similarity(text, record.query.texts)
        for text in ("the circle is round and blue", "people wait for the bus")
    )
    assert close > 0.5 > 0.25 > far


def test_a_fragment_refines_only_a_running_search(stage: Stage) -> None:
    first = stage.say("fragment", "make it red")
    assert first.intent == "search_images"
    assert facts_of(first)["query"] == "red"
    stage.say("fragment", "a circle")
    second = stage.say("fragment", "make it blue")
    assert second.intent == "refine_search"
    assert facts_of(second)["query"] == "a circle, blue"
