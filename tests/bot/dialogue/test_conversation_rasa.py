"""The two doors of a conversation for a Rasa server: understanding for it, acting for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rasa_sdk.interfaces import ActionMissingDomainException, ActionNotFoundException

from bot.server.embedded_redis import EmbeddedRedis
from bot.understanding.rasa_project import RasaProject
from tests.bot.talk import Stage, open_stage, rasa_call


def test_parse_answers_as_rasa_does(stage: Stage) -> None:
    parsed = stage.run(stage.conversation.parse("show me a red circle"))
    assert parsed["intent"]["name"] == "search_images"
    assert parsed["entities"][0]["value"] == "a red circle"
    assert parsed["intent_ranking"][0] == parsed["intent"]


def test_an_action_called_by_rasa_gives_the_same_as_a_turn(stage: Stage) -> None:
    for text in ("make it red", "a circle", "make it blue", "no circle", "more", "go back"):
        turn = stage.say("embedded", text)
        parsed = stage.run(stage.conversation.parse(text))
        (action,) = RasaProject.load().actions_for(parsed["intent"]["name"])
        result = stage.run(stage.conversation.run_action(rasa_call(action, "through rasa", parsed)))
        assert result is not None
        assert result.events == []
        resolved = [stage.conversation._resolve(reply, 0) for reply in result.responses]
        assert resolved == turn.replies, text
    assert stage.record("embedded").query == stage.record("through rasa").query


def test_unknown_actions_and_missing_domains_are_errors(stage: Stage) -> None:
    with pytest.raises(ActionNotFoundException):
        stage.run(stage.conversation.run_action(rasa_call("action_dance", "anna")))
    assert stage.run(stage.conversation.run_action({"next_action": None})) is None
    assert "action_search_images" in stage.conversation.action_names()


def test_a_call_without_a_domain_asks_for_it(
    shapes_bundles: Path, embedded_redis: EmbeddedRedis, nlu_cache: Path
) -> None:
    call = rasa_call("action_more_images", "anna")
    del call["domain"]
    with (
        open_stage(shapes_bundles, embedded_redis.url, nlu_cache) as stage,
        pytest.raises(ActionMissingDomainException),
    ):
        stage.run(stage.conversation.run_action(call))


def test_a_sender_that_cannot_be_kept_is_told_so_under_rasa(stage: Stage) -> None:
    result = stage.run(stage.conversation.run_action(rasa_call("action_more_images", "x" * 201)))
    assert result is not None
    assert result.responses[0]["response"] == "utter_unavailable"
