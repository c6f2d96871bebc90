"""Conversations that narrow a search down: exclusions, filters, several pictures, step by step."""

from __future__ import annotations

from bot.dialogue.message import Message
from tests.bot.talk import Stage, ids_of, said, text_of


def test_exclusions_hold_until_they_are_lifted(stage: Stage) -> None:
    stage.say("lift", "a circle")
    turn = stage.say("lift", "no red circles")
    assert turn.meaning.intent == "exclude_from_search"
    stage.say("lift", "make it blue")
    assert stage.record("lift").query.excluded == ("red circles",)
    turn = stage.say("lift", "stars are fine again")
    assert text_of(turn) == said(stage, "utter_not_excluded", allowed="stars")
    turn = stage.say("lift", "red circles are fine again")
    assert turn.meaning.intent == "exclude_from_search"
    assert text_of(turn) == said(stage, "utter_allowed", allowed="red circles")
    assert stage.record("lift").query.excluded == ()
    stage.say("lift", "go back")
    assert stage.record("lift").query.excluded == ("red circles",)


def test_one_of_many_that_were_left_out_lets_them_all_in(stage: Stage) -> None:
    stage.say("a child", "a circle")
    stage.say("a child", "no children")
    assert stage.record("a child").query.excluded == ("children",)
    stage.say("a child", "a child is fine")
    assert stage.record("a child").query.excluded == ()


def test_filters_of_a_gallery_without_dates_are_words(stage: Stage) -> None:
    stage.say("no dates", "a circle")
    stage.say("no dates", "a car from 1960")
    assert stage.record("no dates").query.filters == ()


def test_filters_that_a_program_gives(stage: Stage) -> None:
    reply = stage.conversation.reply
    turn = stage.run(reply("given", Message("a circle", filters=(("date", "1999"),))))
    assert "from 1999 only" in text_of(turn)
    stage.say("given", "a circle")
    turn = stage.run(reply("given", Message(filters=(("tag", "sunset"),))))
    assert (turn.meaning.intent, "tagged sunset only" in text_of(turn)) == ("refine_search", True)
    assert stage.record("given").query.filters == (), "what finds nothing changes nothing"
    turn = stage.run(reply("given", Message("a circle", filters=(("date", "yesterday"),))))
    assert text_of(turn) == said(stage, "utter_error_filter", key="date", value="yesterday")


def test_several_pictures_at_once(stage: Stage) -> None:
    first = ids_of(stage.say("several", "a red circle"))
    turn = stage.say("several", "more like the second and third one")
    assert text_of(turn) == said(stage, "utter_similar_to_several")
    assert stage.record("several").query.liked == (first[1], first[2])
    second = ids_of(turn)
    stage.say("several", "not the first two")
    assert stage.record("several").query.disliked == (second[0], second[1])
    turn = stage.say("several", "what is in the first one and the second one?")
    texts = [said.filled["text"] for said in turn.said]
    assert [text.split(":")[0] for text in texts] == ["Number 1", "Number 2"]


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
    assert states[-1].texts == ("a ring", "yellow")
    assert states[-1].excluded == ("stars", "triangles")
    stage.say("long", "go back")  # the last "more"
    stage.say("long", "go back")  # yellow
    assert stage.record("long").query == states[-4]


def test_what_was_left_out_with_a_search_goes_with_it(stage: Stage) -> None:
    stage.say("bound", "a square")
    stage.say("bound", "no stars")
    stage.say("bound", "a circle without stripes")
    assert stage.record("bound").query.excluded == ("stars", "stripes")
    stage.say("bound", "make it blue")
    assert stage.record("bound").query.excluded == ("stars", "stripes")
    stage.say("bound", "show me a triangle")
    assert stage.record("bound").query.excluded == ("stars",)
