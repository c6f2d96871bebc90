"""What happens to the search when somebody talks about one of the pictures."""

from __future__ import annotations

import pytest

from bot.dialogue.feedback import choose
from tests.bot.talk import Stage, ids_of, payloads_of, said, text_of


def test_more_like_one_of_them(stage: Stage) -> None:
    for text, index in [
        ("more like the second one", 1),
        ("similar to the last one", -1),
        ("more like this", 0),
        ("more like the middle one", 2),
    ]:
        who = f"similar {text}"
        first = stage.say(who, "a red circle")
        turn = stage.say(who, text)
        assert turn.meaning.intent == "similar_to_image"
        assert stage.record(who).query.liked == (ids_of(first)[index],)
        assert stage.record(who).query.texts == ("a red circle",)
        assert not set(ids_of(turn)) & set(ids_of(first))


def test_a_click_on_a_picture_begins_a_search(stage: Stage) -> None:
    known = ids_of(stage.say("somebody", "a blue ring"))[0]
    turn = stage.say("click alone", f'/similar_to_image{{"image": "{known}"}}')
    assert known not in ids_of(turn)
    assert stage.record("click alone").query.liked == (known,)


@pytest.mark.parametrize("value", ['"0000000000000000"', '"../../etc/passwd"', "5", "null", '""'])
def test_pictures_that_are_not_there(stage: Stage, value: str) -> None:
    turn = stage.say(f"gone {value}", f'/similar_to_image{{"image": {value}}}')
    assert text_of(turn) in (said(stage, "utter_gone"), said(stage, "utter_nothing_yet"))


def test_not_that_one(stage: Stage) -> None:
    first = stage.say("unlike", "a red circle")
    asked = stage.say("unlike", "not that one")
    assert text_of(asked) == said(stage, "utter_which_one", count=6)
    assert payloads_of(asked)[1] == '/unlike_image{"position": 2}'
    turn = stage.say("unlike", payloads_of(asked)[1])
    assert stage.record("unlike").query.disliked == (ids_of(first)[1],)
    assert not set(ids_of(turn)) & set(ids_of(first))


@pytest.mark.parametrize("position", ["9", "-9", '"x"', "true", "[]"])
def test_a_position_that_is_not_there_is_asked_again(stage: Stage, position: str) -> None:
    who = f"position {position}"
    stage.say(who, "a red circle")
    turn = stage.say(who, f'/describe_image{{"position": {position}}}')
    assert text_of(turn) == said(stage, "utter_which_one", count=6)


def test_this_is_the_picture_that_was_spoken_of_last(stage: Stage) -> None:
    shown = ids_of(stage.say("focus", "a red circle"))
    stage.say("focus", "what is in the third one?")
    assert text_of(stage.say("focus", "why this one?")).startswith("Number 3")
    stage.say("focus", "more like this")
    assert stage.record("focus").query.liked == (shown[2],)
    # It is not on the screen any more.
    assert text_of(stage.say("focus", "why this one?")).startswith("Number 1")


def test_like_one_of_them_but_different(stage: Stage) -> None:
    shown = ids_of(stage.say("but", "a red circle"))
    stage.say("but", "more like 2, but with a star")
    query = stage.record("but").query
    assert query.liked == (shown[1],)
    assert query.texts == ("a red circle", "with a star")


def test_describe(stage: Stage) -> None:
    stage.say("describe", "a yellow triangle")
    turn = stage.say("describe", "what is in the first one?")
    assert turn.meaning.intent == "describe_image"
    caption = "a yellow triangle / a picture of a yellow triangle"
    assert text_of(turn) == said(stage, "utter_described", position=1, caption=caption)


def test_ratings_are_kept_and_move_the_search(stage: Stage) -> None:
    ids = ids_of(stage.say("rate", "a red circle"))
    up = stage.say("rate", "thumbs up for the second one")
    assert text_of(up) == said(stage, "utter_rated_up")
    down = stage.say("rate", f'/rate_image{{"image": "{ids[2]}", "rating": "down"}}')
    assert text_of(down) == said(stage, "utter_rated_down")
    record = stage.record("rate")
    assert record.ratings == {ids[1]: "up", ids[2]: "down"}
    assert (record.query.liked, record.query.disliked) == ((ids[1],), (ids[2],))
    assert record.last_hits == ids
    asked = stage.say("rate", f'/rate_image{{"image": "{ids[0]}"}}')
    assert text_of(asked) == said(stage, "utter_ask_rating")
    stage.say("rate", payloads_of(asked)[1])
    assert stage.record("rate").ratings[ids[0]] == "down"


@pytest.mark.parametrize(
    ("positions", "chosen"),
    [
        ((1,), "a"),
        ((4,), "d"),
        ((-1,), "d"),
        ((-4,), "a"),
        ((0,), "b"),
        ((2, 3), "bc"),
        ((4, -1), "d"),
        ((5,), ""),
        ((-5,), ""),
        ((1, 5), ""),
        ((), ""),
    ],
)
def test_positions_choose(positions: tuple[int, ...], chosen: str) -> None:
    assert choose(["a", "b", "c", "d"], positions) == list(chosen)
    assert choose([], positions) == []
