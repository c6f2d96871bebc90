"""The question back: where a search has clear groups, which of them is meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bot.live.encoding import BatchedEncoder
from bot.server.embedded_redis import EmbeddedRedis
from retrieval.search.clarify import Group
from retrieval.search.searcher import Searcher
from tests.bot.talk import Stage, open_stage, said
from tests.fixtures.models import draw_shape


def test_a_clear_split_is_asked_about_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = (Group("on a beach", ("a",), 0.5), Group("indoors", ("b",), 0.4))
    monkeypatch.setattr("retrieval.search.searcher.Searcher.groups", lambda *_, **__: groups)
    turn = stage.say("ask", "a circle")
    asked = turn.said[-1]
    question = said(stage, "utter_ask_group", choice="on a beach or indoors")
    assert asked.filled["text"] == question
    assert [choice.title for choice in asked.choices] == ["on a beach", "indoors"]
    answer = stage.say("ask", asked.choices[0].payload)
    assert answer.meaning.intent == "refine_search"
    assert stage.record("ask").query.texts == ("a circle", "on a beach")
    assert len(answer.said) == 1, "nobody is asked twice"
    again = stage.say("ask", "show me a star")
    assert again.said[-1].filled["text"] == question, "another search, another question"
    stage.say("ask", "go back")
    turn = stage.say("ask", "make it blue")
    assert len(turn.said) == 1


def test_asking_back_can_be_switched_off(
    shapes_bundles: Path,
    embedded_redis: EmbeddedRedis,
    nlu_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    groups = (Group("on a beach", ("a",), 0.5), Group("indoors", ("b",), 0.4))
    monkeypatch.setattr("retrieval.search.searcher.Searcher.groups", lambda *_, **__: groups)
    with open_stage(shapes_bundles, embedded_redis.url, nlu_cache, ask=False) as stage:
        assert len(stage.say("never asked", "a circle").said) == 1


def test_nobody_is_asked_where_nothing_fits(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = (Group("on a beach", ("a",), 0.5), Group("indoors", ("b",), 0.4))
    monkeypatch.setattr("retrieval.search.searcher.Searcher.groups", lambda *_, **__: groups)
    turn = stage.say("nothing fits", "a submarine")
    assert stage.record("nothing fits").confident is False
    assert len(turn.said) == 1


def test_a_question_costs_no_second_search(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def count(owner: type, name: str) -> None:
        real = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)

    count(BatchedEncoder, "image")
    count(Searcher, "rank")
    count(Searcher, "groups")
    stage.say("once", image=draw_shape("green", "star", 7))
    assert calls == ["image", "rank", "groups"]


def test_a_question_behind_a_wish_is_about_what_is_found_then(stage: Stage) -> None:
    turn = stage.say(
        "wish-and-question", "show me a red circle, and tell me how many pictures you have"
    )
    assert [said.response for said in turn.said] == ["utter_found", "utter_ask_count"]


def test_a_question_before_a_wish_is_answered_before_it(stage: Stage) -> None:
    turn = stage.say("question-and-wish", "how many pictures do you have? and show me a red circle")
    assert [said.response for said in turn.said] == ["utter_ask_count", "utter_found"]
