"""What each action does to the search, played through whole conversations."""

from __future__ import annotations

import pytest

from tests.bot.talk import Stage, captions_of, ids_of, payloads_of, said, text_of


def test_more_never_repeats_until_all_is_shown(stage: Stage) -> None:
    seen = ids_of(stage.say("more", "a red circle"))
    for _ in range(40):
        turn = stage.say("more", "more")
        if not captions_of(turn):
            break
        new = ids_of(turn)
        assert new
        assert not set(new) & set(seen)
        seen += new
    assert text_of(turn) == said(stage, "utter_no_more")
    assert "/more_images" not in payloads_of(turn)
    assert len(seen) > 12


@pytest.mark.parametrize(
    "text",
    [
        "more",
        "more like the second one",
        "not the first one",
        "describe the first one",
        '/exclude_from_search{"allowed": "dogs"}',
        "thumbs up for the first one",
    ],
)
def test_without_a_search_there_is_nothing_yet(stage: Stage, text: str) -> None:
    who = f"nothing yet {text}"
    assert text_of(stage.say(who, text)) == said(stage, "utter_nothing_yet")
    assert not stage.record(who).history


def test_undo_restores_exactly_even_after_many_turns(stage: Stage) -> None:
    turns = [stage.say("undo", "a red circle")]
    records = [stage.record("undo")]
    for text in [
        "make it blue",
        "more",
        "no square",
        "more like the second one",
        "more",
        "not the first one",
        "a green star",
        "more",
    ]:
        turns.append(stage.say("undo", text))
        records.append(stage.record("undo"))
    for turn, record in zip(turns[-2::-1], records[-2::-1], strict=True):
        undone = stage.say("undo", "go back")
        assert undone.meaning.intent == "undo_search"
        assert undone.said[0].pictures == turn.said[0].pictures
        now = stage.record("undo")
        assert (now.query, now.shown, now.hits) == (record.query, record.shown, record.hits)
    assert text_of(stage.say("undo", "go back")) == said(stage, "utter_undone_to_start")
    assert text_of(stage.say("undo", "go back")) == said(stage, "utter_nothing_to_undo")


def test_exclusions_hold_until_restart_or_asked_for(stage: Stage) -> None:
    stage.say("exclude", "something red")
    without = stage.say("exclude", "no circles")
    assert without.meaning.intent == "exclude_from_search"
    assert text_of(without) in (
        said(stage, "utter_excluded", excluded="circles"),
        said(stage, "utter_not_sure", query="something red"),
    )
    for text in ("more", "make it blue", "a green shape"):
        assert not any("circle" in caption for caption in captions_of(stage.say("exclude", text)))
        assert stage.record("exclude").query.excluded == ("circles",)
    assert any(
        "circle" in caption for caption in captions_of(stage.say("exclude", "show me a red circle"))
    )
    assert stage.record("exclude").query.excluded == ()
    stage.say("exclude", "no stars")
    stage.say("exclude", "start over")
    stage.say("exclude", "a red shape")
    assert stage.record("exclude").query.excluded == ()


def test_refinements_are_bounded_and_the_first_text_stays(stage: Stage) -> None:
    stage.say("bound", "a red circle")
    for number in range(40):
        stage.say("bound", f'/refine_search{{"query": "number {number}"}}')
    texts = stage.record("bound").query.texts
    assert len(texts) == 32
    assert (texts[0], texts[-1]) == ("a red circle", "number 39")


def test_pictures_on_the_screen_when_somebody_refines_are_known_as_seen(stage: Stage) -> None:
    stage.say("seen", "a red circle")
    first = stage.record("seen").last_hits
    assert first
    stage.say("seen", '/refine_search{"query": "small"}')
    assert set(first) <= set(stage.record("seen").query.seen)


def test_requests_without_content_are_asked_back(stage: Stage) -> None:
    assert text_of(stage.say("ask", "/search_images")) == said(stage, "utter_ask_query")
    stage.say("ask", "a red circle")
    assert text_of(stage.say("ask", "/refine_search")) == said(stage, "utter_ask_query")
    assert text_of(stage.say("ask", "/exclude_from_search")) == said(stage, "utter_ask_excluded")
    assert stage.record("ask").query.texts == ("a red circle",)


def test_restart_can_be_undone(stage: Stage) -> None:
    first = stage.say("restart", "a red circle")
    again = stage.say("restart", "start over")
    assert text_of(again) == said(stage, "utter_restarted")
    assert not stage.record("restart").searching
    assert ids_of(stage.say("restart", "undo")) == ids_of(first)
