"""The one entry for every channel, and the two doors for a Rasa server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bot.dialogue.message import Message, Turn, check_message
from bot.errors import MessageRefused, SessionsUnavailable
from bot.server.embedded_redis import EmbeddedRedis
from embedding.data.decode import ImageError
from tests.bot.talk import (
    BASE_URL,
    Stage,
    captions_of,
    encode,
    ids_of,
    open_stage,
    payloads_of,
    rasa_call,
    replies_of,
    text_of,
)
from tests.fixtures.models import draw_shape


def test_a_search_is_text_then_pictures_then_facts_then_choices(stage: Stage) -> None:
    turn = stage.say("form", "show me a red circle")
    assert (turn.meaning.intent, turn.turn) == ("search_images", 1)
    assert 0.3 < turn.meaning.confidence <= 1
    replies = replies_of(turn)
    facts = replies[-2]["custom"]["data"]
    assert facts["type"] == "image_results"
    assert facts["query"] == "a red circle"
    assert [set(reply) for reply in replies] == [
        {"text"},
        *[{"image"}] * len(facts["images"]),
        {"custom"},
        {"text", "buttons"},
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
    assert first["url"] == f"{BASE_URL}/images/{first['id']}"
    assert replies[1]["image"] == f"{first['url']}?size=640"
    assert first["thumbnail"] == first["url"] + "?size=320"
    assert payloads_of(turn) == [
        "/more_images",
        "/similar_to_image" + json.dumps({"image": first["id"]}),
        "/undo_search",
        "/restart_search",
    ]
    json.dumps(replies)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("hello", "greet"),
        ("bye", "goodbye"),
        ("thanks", "thank"),
        ("help", "help"),
        ("the sum of 2 and 2 please", "out_of_scope"),
    ],
)
def test_small_talk_leaves_the_search_alone(stage: Stage, text: str, intent: str) -> None:
    who = f"small talk {intent}"
    stage.say(who, "a red circle")
    before = stage.record(who)
    turn = stage.say(who, text)
    assert turn.meaning.intent == intent
    assert replies_of(turn) == [
        {"text": stage.conversation.project.render(f"utter_{intent}", {})["text"]}
    ]
    after = stage.record(who)
    assert (after.query, after.shown, after.hits) == (before.query, before.shown, before.hits)
    assert after.turn == before.turn + 1


def test_an_upload_searches_by_picture_and_composes_with_text(stage: Stage) -> None:
    drawing = draw_shape("green", "star", 7)
    alone = stage.say("upload", image=drawing)
    assert (alone.meaning.intent, alone.meaning.confidence) == ("search_images", 1.0)
    assert captions_of(alone)[0] == "a green star"
    both = stage.say("upload", "like this, but blue", image=drawing)
    assert both.meaning.intent == "search_images"
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
    assert turn.said
    assert "went wrong" not in text_of(turn)


def test_a_payload_is_a_click(stage: Stage) -> None:
    first = stage.say("click", "a red circle")
    turn = stage.say("click", payloads_of(first)[1])
    assert (turn.meaning.intent, turn.meaning.confidence) == ("similar_to_image", 1.0)


def test_turns_of_one_sender_count_up(stage: Stage) -> None:
    async def together() -> list[int]:
        reply = stage.conversation.reply
        turns = await asyncio.gather(*(reply("crowd", Message("hello")) for _ in range(8)))
        return [turn.turn for turn in turns]

    assert stage.run(together()) == list(range(1, 9))


def test_a_picture_and_a_quick_text_behind_it_are_answered_in_their_order(stage: Stage) -> None:
    upload = encode(draw_shape("green", "star", 3).resize((2500, 2500)))  # takes its time

    async def together() -> list[Turn]:
        messages = Message(picture=upload), Message("only blue ones")
        return await asyncio.gather(*(stage.conversation.reply("quick", one) for one in messages))

    picture, text = stage.run(together())
    assert (picture.turn, text.turn) == (1, 2)
    assert text.query.image, "the text narrows down what the picture began"
    assert text.query.texts == ("blue ones",)


def test_redis_away_is_an_error_and_nothing_is_kept(
    shapes_bundles: Path, own_redis: EmbeddedRedis, nlu_cache: Path
) -> None:
    with open_stage(shapes_bundles, own_redis.url, nlu_cache) as stage:
        stage.say("anna", "a red circle")
        own_redis.__exit__(None, None, None)
        with pytest.raises(SessionsUnavailable, match="try again"):
            stage.say("anna", "a blue star")
        responses = stage.act(rasa_call("action_more_images", "anna"))
        assert [reply["response"] for reply in responses] == ["utter_unavailable"]
        with EmbeddedRedis(own_redis.data_dir):
            record = stage.record("anna")
            assert (record.turn, record.query.texts) == (1, ("a red circle",))
            assert stage.say("anna", "more").turn == 2


def test_a_picture_and_quickly_a_text_are_answered_in_their_order(stage: Stage) -> None:
    async def together() -> list[int]:
        picture = Message(picture=encode(draw_shape("green", "star", 7)))
        reply = stage.conversation.reply
        turns = await asyncio.gather(reply("order", picture), reply("order", Message("hello")))
        return [turn.turn for turn in turns]

    assert stage.run(together()) == [1, 2]


def test_a_picture_that_is_none_leaves_the_session_alone(stage: Stage) -> None:
    with pytest.raises(ImageError):
        stage.run(stage.conversation.reply("no picture", Message("a dog", b"no picture")))
    assert stage.record("no picture").turn == 0
