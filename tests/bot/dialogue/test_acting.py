"""The frame around every action: what happens when one fails."""

from __future__ import annotations

import logging

import pytest

from retrieval.search.searcher import Searcher
from tests.bot.talk import Stage, facts_of, said


def test_a_failing_action_says_so_and_changes_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage.say("fail", "a red circle")
    before = stage.record("fail")

    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("the disk is gone")

    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr(Searcher, "rank", fail)
        turn = stage.say("fail", "make it blue")
    assert turn.replies == [{"text": said(stage, "utter_sorry")}]
    assert "the disk is gone" in caplog.text
    after = stage.record("fail")
    assert (after.query, after.shown, after.history) == (before.query, before.shown, before.history)
    assert facts_of(stage.say("fail", "make it blue"))["query"] == "a red circle, blue"
