"""Messages that differ only in polarity: they must never come to the same."""

from __future__ import annotations

import pytest

from bot.sessions.record import SessionRecord
from bot.understanding import operations as op
from bot.understanding.interpreter import Interpreter
from bot.understanding.meaning import decide
from bot.understanding.operations import Operation
from retrieval.search.query import Query


def _operations(interpreter: Interpreter, text: str) -> tuple[Operation, ...]:
    record = SessionRecord(sender_id="anna", query=Query(("a dog on grass",)))
    reading = interpreter.read(text)
    return decide(reading, record, interpreter.closeness, None, interpreter.editor).operations


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("with people", "without people"),
        ("with people", "no people"),
        ("dogs and cats", "dogs but no cats"),
        ("more dogs", "no more dogs"),
        ("a beach with boats", "a beach without boats"),
        ("not without a ball", "without a ball"),
        ("like the second one", "not like the second one"),
        ("I like the second one", "I don't like the second one"),
        ("these are good", "these are not good"),
        ("that fits", "that doesn't fit"),
        ("I want dogs", "I don't want dogs"),
        ("show me trees", "don't show me trees"),
        ("no, a cat", "no cat"),
        ("what is excluded?", "exclude that"),
        ("forget the grass", "don't forget the grass"),
    ],
)
def test_what_differs_in_polarity_differs_in_what_is_done(
    interpreter: Interpreter, one: str, other: str
) -> None:
    assert _operations(interpreter, one) != _operations(interpreter, other)


@pytest.mark.parametrize("text", ["more dogs", "what topics are there?", "good dogs", "how many?"])
def test_nothing_is_taken_away_that_nobody_asked_to_lose(
    interpreter: Interpreter, text: str
) -> None:
    destructive = (op.Exclude, op.Unlike, op.Restart, op.Goodbye)
    assert not any(isinstance(one, destructive) for one in _operations(interpreter, text))
