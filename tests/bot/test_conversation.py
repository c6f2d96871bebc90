"""The one entry for every channel, and the two doors for a Rasa server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from rasa_sdk.interfaces import ActionMissingDomainException, ActionNotFoundException

from bot.conversation import Message, check_message, settle_intent
from bot.errors import MessageRefused, SessionsUnavailable
from bot.project import RasaProject
from bot.records import SessionRecord
from bot.redis_server import EmbeddedRedis
from retrieval.groups import Group
from retrieval.query import Query
from tests.bot.talk import (
    BASE_URL,
    Stage,
    facts_of,
    ids_of,
    open_stage,
    payloads_of,
    said,
    text_of,
)
from tests.fixtures.models import draw_shape


def test_a_search_is_text_then_pictures_then_facts(stage: Stage) -> None:
    turn = stage.say("form", "show me a red circle")
    assert (turn.intent, turn.turn) == ("search_images", 1)
    assert 0.3 < turn.confidence <= 1
    facts = facts_of(turn)
    assert facts["type"] == "image_results"
    assert facts["query"] == "a red circle"
    assert [set(reply) for reply in turn.replies] == [
        {"text", "buttons"},
        *[{"image"}] * len(facts["images"]),
        {"custom"},
    ]
    assert len(facts["images"]) == 6
    first = facts["images"][0]
    assert first.keys() == {
        "id",
        "url",
        "thumbnail",
        "caption",
        "score",
        "reasons",
        "width",
        "height",
    }
    assert first["caption"] == "a red circle"
    assert first["url"] == turn.replies[1]["image"] == f"{BASE_URL}/images/{first['id']}"
    assert first["thumbnail"] == first["url"] + "?size=320"
    assert payloads_of(turn) == [
        "/more_images",
        "/similar_to_image" + json.dumps({"image": first["id"]}),
        "/undo_search",
        "/restart_search",
    ]
    json.dumps(turn.replies)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("hello", "greet"),
        ("bye", "goodbye"),
        ("thanks", "thank"),
        ("help", "help"),
        ("tell me a joke", "out_of_scope"),
    ],
)
def test_small_talk_leaves_the_search_alone(stage: Stage, text: str, intent: str) -> None:
    who = f"small talk {intent}"
    stage.say(who, "a red circle")
    before = stage.record(who)
    turn = stage.say(who, text)
    assert turn.intent == intent
    assert turn.replies == [
        {"text": stage.conversation._project.render(f"utter_{intent}", {})["text"]}
    ]
    after = stage.record(who)
    assert (after.query, after.shown, after.hits) == (before.query, before.shown, before.hits)
    assert after.turn == before.turn + 1


def test_a_fragment_refines_only_a_running_search(stage: Stage) -> None:
    first = stage.say("fragment", "make it red")
    assert first.intent == "search_images"
    assert facts_of(first)["query"] == "red"
    stage.say("fragment", "a circle")
    second = stage.say("fragment", "make it blue")
    assert second.intent == "refine_search"
    assert facts_of(second)["query"] == "a circle, blue"


def test_an_upload_searches_by_picture_and_composes_with_text(stage: Stage) -> None:
    drawing = draw_shape("green", "star", 7)
    alone = stage.say("upload", image=drawing)
    assert (alone.intent, alone.confidence) == ("search_images", 1.0)
    assert facts_of(alone)["images"][0]["caption"] == "a green star"
    both = stage.say("upload", "like this, but blue", image=drawing)
    assert both.intent == "search_images"
    record = stage.record("upload")
    assert record.query.image in record.uploads
    assert record.query.texts == ("blue",)
    assert ids_of(both) != ids_of(alone)
    more = stage.say("upload", "more")
    assert not set(ids_of(more)) & set(ids_of(both))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_uploads_of_any_mode(stage: Stage, mode: str) -> None:
    turn = stage.say(f"mode {mode}", image=draw_shape("red", "ring", 5).convert(mode))
    assert ids_of(turn)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        (" \n\t ", "empty"),
        ("x" * 2001, "2001 characters"),
        ("a\x00b", r"U\+0000"),
        ("a\x1b[31m", r"U\+001B"),
        ("a\x85b", r"U\+0085"),
        ("\ud800", r"U\+D800"),
    ],
)
def test_texts_that_are_refused_change_nothing(stage: Stage, text: str, sentence: str) -> None:
    with pytest.raises(MessageRefused, match=sentence):
        stage.say("refused", text)
    assert stage.record("refused").turn == 0


@pytest.mark.parametrize(
    ("text", "cleaned"), [("a\r\nb", "a\nb"), ("\ta\tb ", "a\tb"), ("👩‍🚀", "👩‍🚀")]
)
def test_texts_that_are_cleaned(text: str, cleaned: str) -> None:
    assert check_message(text, 2000) == cleaned


@pytest.mark.parametrize(
    "text", ["http://example.test/a.png", "/etc/passwd", "{query}", "[a](query)", "'; DROP TABLE"]
)
def test_what_people_type_is_only_text(stage: Stage, text: str) -> None:
    turn = stage.say("typed", text)
    assert turn.replies
    assert "went wrong" not in text_of(turn)


def test_a_payload_is_a_click(stage: Stage) -> None:
    first = stage.say("click", "a red circle")
    turn = stage.say("click", payloads_of(first)[1])
    assert (turn.intent, turn.confidence) == ("similar_to_image", 1.0)


def test_turns_of_one_sender_count_up(stage: Stage) -> None:
    async def together() -> list[int]:
        reply = stage.conversation.reply
        turns = await asyncio.gather(*(reply("crowd", Message("hello")) for _ in range(8)))
        return [turn.turn for turn in turns]

    assert stage.run(together()) == list(range(1, 9))


def test_redis_away_is_an_error_and_nothing_is_kept(
    shapes_bundles: Path, own_redis: EmbeddedRedis, nlu_cache: Path
) -> None:
    with open_stage(shapes_bundles, own_redis.url, nlu_cache) as stage:
        stage.say("anna", "a red circle")
        own_redis.__exit__(None, None, None)
        with pytest.raises(SessionsUnavailable, match="try again"):
            stage.say("anna", "a blue star")
        result = stage.run(stage.conversation.run_action(rasa_call("action_more_images", "anna")))
        assert result is not None
        assert [reply["response"] for reply in result.responses] == ["utter_unavailable"]
        with EmbeddedRedis(own_redis.data_dir):
            record = stage.record("anna")
            assert (record.turn, record.query.texts) == (1, ("a red circle",))
            assert stage.say("anna", "more").turn == 2


def rasa_call(action: str, who: str, parsed: dict[str, Any] | None = None) -> dict[str, Any]:
    """The body that a Rasa server posts to the action server."""
    tracker = {"sender_id": who, "slots": {}, "latest_message": parsed or {}, "events": []}
    return {
        "next_action": action,
        "sender_id": who,
        "tracker": tracker,
        "domain": RasaProject.load().domain,
        "version": "3.6.21",
    }


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
    with stage.conversation._live.lease() as serving:
        close, far = (
            serving.interpreter.similarity(text, record.query.texts)
            for text in ("the circle is round and blue", "people wait for the bus")
        )
    assert close > 0.5 > 0.25 > far


def test_exclusions_hold_until_they_are_lifted(stage: Stage) -> None:
    stage.say("lift", "a circle")
    turn = stage.say("lift", "no red circles")
    assert turn.intent == "exclude_from_search"
    stage.say("lift", "make it blue")
    assert stage.record("lift").query.excluded == ("red circles",)
    turn = stage.say("lift", "stars are fine again")
    assert text_of(turn) == said(stage, "utter_not_excluded", allowed="stars")
    turn = stage.say("lift", "red circles are fine again")
    assert turn.intent == "exclude_from_search"
    assert text_of(turn) == said(stage, "utter_allowed", allowed="red circles")
    assert stage.record("lift").query.excluded == ()
    stage.say("lift", "go back")
    assert stage.record("lift").query.excluded == ("red circles",)


def test_filters_are_said_survive_and_are_lifted(stage: Stage) -> None:
    stage.say("filters", "a circle")
    turn = stage.say("filters", "from 2023")
    assert turn.intent == "refine_search"
    label = "a circle, from 2023 only"
    assert text_of(turn) == said(stage, "utter_nothing_filtered", query=label)
    assert stage.record("filters").query.filters == ()
    turn = stage.say("filters", "any year")
    assert stage.record("filters").query.texts == ("a circle",)
    assert ids_of(turn)


def test_filters_that_a_program_gives(stage: Stage) -> None:
    reply = stage.conversation.reply
    turn = stage.run(reply("given", Message("a circle", filters=(("date", "1999"),))))
    assert "from 1999 only" in text_of(turn)
    stage.say("given", "a circle")
    turn = stage.run(reply("given", Message(filters=(("tag", "sunset"),))))
    assert (turn.intent, "tagged sunset only" in text_of(turn)) == ("refine_search", True)


def test_several_pictures_at_once(stage: Stage) -> None:
    first = ids_of(stage.say("several", "a red circle"))
    turn = stage.say("several", "more like the second and third one")
    assert text_of(turn) == said(stage, "utter_similar_to_several")
    assert stage.record("several").query.liked == (first[1], first[2])
    second = ids_of(turn)
    stage.say("several", "not the first two")
    assert stage.record("several").query.disliked == (second[0], second[1])
    turn = stage.say("several", "what is in the first one and the second one?")
    assert [reply["text"].split(":")[0] for reply in turn.replies] == ["Number 1", "Number 2"]


def test_a_long_conversation_still_works_and_is_undone_step_by_step(stage: Stage) -> None:
    says = ["a circle", "make it red", "no stars", "more", "more like the first one", "thanks"]
    says += ["a square", "make it blue", "more", "not the last one", "hello", "without triangles"]
    says += ["make it bigger", "go back", "what is in the first one?", "a ring", "make it green"]
    says += ["thumbs up for the first one", "more", "tell me a joke", "make it yellow", "more"]
    states = [stage.record("long").query]
    for text in says:
        turn = stage.say("long", text)
        assert "went wrong" not in text_of(turn)
        states.append(stage.record("long").query)
    assert stage.record("long").turn == len(says) > 20
    assert states[-1].texts == ("a ring", "green", "yellow")
    assert states[-1].excluded == ("stars", "triangles")
    stage.say("long", "go back")  # the last "more"
    stage.say("long", "go back")  # yellow
    assert stage.record("long").query == states[-4]


def test_a_clear_split_is_asked_about_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = (Group("on a beach", ("a",), 0.5), Group("indoors", ("b",), 0.4))
    monkeypatch.setattr("retrieval.searcher.Searcher.groups", lambda *_, **__: groups)
    turn = stage.say("ask", "a circle")
    asked = turn.replies[-1]
    assert asked["text"] == said(stage, "utter_ask_group", choice="on a beach or indoors")
    assert [button["title"] for button in asked["buttons"]] == ["on a beach", "indoors"]
    answer = stage.say("ask", asked["buttons"][0]["payload"])
    assert answer.intent == "refine_search"
    assert stage.record("ask").query.texts == ("a circle", "on a beach")
    assert "buttons" not in answer.replies[-1], "nobody is asked twice"
    again = stage.say("ask", "show me a star")
    assert again.replies[-1].get("text") == asked["text"], "another search, another question"
    stage.say("ask", "go back")
    turn = stage.say("ask", "make it blue")
    assert "buttons" not in turn.replies[-1]


def test_asking_back_can_be_switched_off(
    shapes_bundles: Path,
    embedded_redis: EmbeddedRedis,
    nlu_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    groups = (Group("on a beach", ("a",), 0.5), Group("indoors", ("b",), 0.4))
    monkeypatch.setattr("retrieval.searcher.Searcher.groups", lambda *_, **__: groups)
    with open_stage(shapes_bundles, embedded_redis.url, nlu_cache, ask=False) as stage:
        assert "custom" in stage.say("never asked", "a circle").replies[-1]
