"""Operations in their order, one search for all of them, and what happens when one fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from bot.dialogue.perform import PERFORM
from bot.understanding.operations import AboutPictures, Operation, SmallTalk
from retrieval.search.searcher import Searcher
from tests.bot.talk import (
    Stage,
    captions_of,
    label_of,
    payloads_of,
    rasa_call,
    replies_of,
    said,
    text_of,
)


def _kinds(kind: type[Operation]) -> Iterator[type[Operation]]:
    for narrower in kind.__subclasses__():
        yield narrower
        yield from _kinds(narrower)


def test_every_operation_can_be_carried_out() -> None:
    assert set(_kinds(Operation)) - {AboutPictures, SmallTalk} == PERFORM.keys()
    names = [kind.do for kind in PERFORM]
    assert len(set(names)) == len(names)


def test_a_wish_and_an_exclusion_are_one_search(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched = []
    rank = Searcher.rank

    def count(*arguments: Any, **options: Any) -> Any:
        searched.append(arguments[1])
        return rank(*arguments, **options)

    monkeypatch.setattr(Searcher, "rank", count)
    turn = stage.say("one search", "a red shape, but no circles or stars")
    assert [query.excluded for query in searched] == [("circles", "stars")]
    assert [operation.do for operation in turn.meaning.operations] == [
        *["search", "exclude", "exclude"]
    ]
    assert len([said for said in turn.said if said.pictures]) == 1
    assert turn.query.texts == ("a red shape",)
    assert "a red shape, without circles, without stars" in text_of(turn)
    assert not [c for c in captions_of(turn) if "circle" in c or "star" in c]


def test_an_exclusion_alone_shows_everything_else(stage: Stage) -> None:
    turn = stage.say("alone", "no circles")
    assert text_of(turn) == said(stage, "utter_excluded", excluded="circles")
    assert captions_of(turn)
    assert not any("circle" in caption for caption in captions_of(turn))
    turn = stage.say("alone", "red")
    assert turn.query.texts == ("red",)
    assert turn.query.excluded == ("circles",)


def test_parts_of_the_search_are_taken_out_by_a_click(stage: Stage) -> None:
    first = stage.say("chips", "a red circle without stars")
    liked = first.said[0].pictures[0].image_id
    stage.say("chips", "make it small")
    stage.say("chips", f'/similar_to_image{{"image": "{liked}"}}')
    assert stage.record("chips").query.liked == (liked,)
    turn = stage.say("chips", f'/drop_from_search{{"image": "{liked}"}}')
    assert turn.query.liked == ()
    turn = stage.say("chips", '/drop_from_search{"query": "small"}')
    assert (text_of(turn), turn.query.texts) == (said(stage, "utter_dropped"), ("a red circle",))
    turn = stage.say("chips", '/drop_from_search{"excluded": "stars"}')
    assert (turn.query.texts, turn.query.excluded) == (("a red circle",), ())
    turn = stage.say("chips", '/drop_from_search{"query": "not there"}')
    assert text_of(turn) == said(stage, "utter_not_in_search")
    assert label_of(stage.say("chips", "more")) == "a red circle"
    turn = stage.say("chips", '/drop_from_search{"query": "a red circle"}')
    assert text_of(turn) == said(stage, "utter_restarted")
    assert payloads_of(turn) == ["/undo_search"]
    assert stage.say("chips", "undo").query.texts == ("a red circle",)


def test_a_failing_operation_says_so_and_changes_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage.say("fail", "a red circle")
    before = stage.record("fail")

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the disk is gone")

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(Searcher, "rank", fail)
        turn = stage.say("fail", "make it blue")
        parsed = stage.parse("make it blue")
        responses = stage.act(rasa_call("action_refine_search", "fail", parsed))
    assert replies_of(turn) == [{"text": said(stage, "utter_sorry")}]
    assert [response["response"] for response in responses] == ["utter_sorry"]
    assert "the disk is gone" in caplog.text
    after = stage.record("fail")
    assert (after.query, after.shown, after.history) == (before.query, before.shown, before.history)
    assert label_of(stage.say("fail", "make it blue")) == "a blue circle"
