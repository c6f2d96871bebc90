"""The two doors of a conversation for a Rasa server: understanding for it, acting for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rasa_sdk.interfaces import ActionMissingDomainException, ActionNotFoundException

from bot.server.embedded_redis import EmbeddedRedis
from tests.bot.talk import Stage, open_stage, rasa_call, replies_of


def test_parse_answers_as_rasa_does(stage: Stage) -> None:
    parsed = stage.parse("show me a red circle")
    assert parsed["intent"]["name"] == "search_images"
    assert parsed["entities"][0]["value"] == "a red circle"
    assert parsed["intent_ranking"][0] == parsed["intent"]


TALK = [
    *["make it red", "a circle", "make it blue", "no circle", "more", "go back"],
    *["a red shape but no stars", "without rings", '/drop_from_search{"excluded": "stars"}'],
    *["more like the second one", "thumbs up for the first one", "no circles", "start over"],
    *["no stars", "a ring", '/drop_from_search{"query": "a ring"}'],
]


def test_an_action_called_by_rasa_gives_the_same_as_a_turn(stage: Stage) -> None:
    project = stage.conversation.project
    for text in TALK:
        turn = stage.say("embedded", text)
        parsed = stage.parse(text)
        (action,) = project.actions_for(parsed["intent"]["name"])
        said = []
        for response in stage.act(rasa_call(action, "through rasa", parsed)):
            if response["response"]:
                response |= project.render(response["response"], response)
            names = ("text", "image", "buttons", "attachment", "custom")
            said.append({name: response[name] for name in names if response[name]})
        assert said == replies_of(turn), text
        assert stage.record("embedded").query == stage.record("through rasa").query, text


def test_an_extractor_that_tells_no_places_is_enough(stage: Stage) -> None:
    latest = {
        "text": "show me a red circle",
        "intent": {"name": "search_images"},
        "entities": [{"entity": "query", "value": "a red circle"}, {"entity": "query"}],
        "intent_ranking": [{"name": "search_images"}, {"confidence": 0.2}, {}],
    }
    stage.act(rasa_call("action_search_images", "no places", latest))
    latest["text"] = "blue"
    latest["entities"] = [{"entity": "query", "value": "blue", "start": None}]
    stage.act(rasa_call("action_search_images", "no places", latest))
    assert stage.record("no places").query.texts == ("blue",)


def test_an_action_that_a_story_chose_does_what_it_is_for(stage: Stage) -> None:
    stage.say("story", "a red circle")
    shown = stage.record("story").shown
    parsed = stage.parse("hello")
    stage.act(rasa_call("action_more_images", "story", parsed))
    assert len(stage.record("story").shown) > len(shown)


def test_unknown_actions_and_missing_domains_are_errors(stage: Stage) -> None:
    with pytest.raises(ActionNotFoundException):
        stage.act(rasa_call("action_dance", "anna"))
    assert stage.run(stage.actions.run({"next_action": None})) is None
    assert "action_search_images" in stage.actions.actions


def test_a_call_without_a_domain_asks_for_it(
    shapes_bundles: Path, embedded_redis: EmbeddedRedis, nlu_cache: Path
) -> None:
    call = rasa_call("action_more_images", "anna")
    del call["domain"]
    with (
        open_stage(shapes_bundles, embedded_redis.url, nlu_cache) as stage,
        pytest.raises(ActionMissingDomainException),
    ):
        stage.act(call)


def test_a_sender_that_cannot_be_kept_is_told_so_under_rasa(stage: Stage) -> None:
    responses = stage.act(rasa_call("action_more_images", "x" * 201))
    assert responses[0]["response"] == "utter_unavailable"
