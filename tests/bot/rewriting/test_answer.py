"""What is made of a language model's answer, and what is not."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bot.rewriting.answer import SCHEMA, Unusable, operations_of
from bot.understanding import operations as op
from retrieval.search.query import Query

QUERY = Query(texts=("a red car", "at night"))


def step(do: str, text: str = "", part: str = "", positions: tuple[int, ...] = ()) -> Any:
    return {"do": do, "text": text, "part": part, "positions": list(positions)}


def answer(*steps: Any) -> str:
    return json.dumps({"operations": steps})


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ((), ()),
        (
            (step("search", "dogs"), step("exclude", "people")),
            (op.Search("dogs"), op.Exclude("people")),
        ),
        ((step("replace", "a blue car", "a red car"),), (op.Replace("a red car", "a blue car"),)),
        ((step("replace", "", "at night"),), (op.Replace("at night"),)),
        ((step("refine", "in the snow"),), (op.Refine("in the snow"),)),
        ((step("allow", "dogs"),), (op.Allow("dogs"),)),
        ((step("like", positions=(1, 2)),), (op.Like((1, 2)),)),
        ((step("unlike", positions=(-1,)),), (op.Unlike((-1,)),)),
        (
            (step("describe", "what color?", "", (2,)),),
            (op.Describe((2,), question="what color?"),),
        ),
        ((step("more"), step("undo"), step("browse")), (op.More(), op.Undo(), op.Browse())),
        ((step("search", "two\nlines\u0000"),), (op.Search("two lines"),)),
    ],
)
def test_operations_are_made_of_what_was_asked_for(
    steps: tuple[Any, ...], expected: tuple[op.Operation, ...]
) -> None:
    Draft202012Validator(SCHEMA).validate(json.loads(answer(*steps)))
    assert operations_of(answer(*steps), QUERY) == expected


def test_words_around_the_json_do_no_harm() -> None:
    fenced = f"Sure! Here it is:\n```json\n{answer(step('more'))}\n```"
    assert operations_of(fenced, QUERY) == (op.More(),)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "I cannot help with that.",
        "[]",
        "{}",
        '{"operations": "more"}',
        answer(step("restart")),
        answer(step("goodbye")),
        answer({"do": "search", "text": "dogs", "run": "rm -rf /"}),
        answer(step("search")),
        answer(step("exclude", " \n ")),
        answer(step("like")),
        answer(step("replace", "a blue car", "a green car")),
        answer(step("search", "x" * 201)),
        answer(*[step("more")] * 11),
        answer(step("like", positions=tuple(range(25)))),
        '{"operations": [' * 2_000,
    ],
)
def test_an_answer_of_another_form_is_not_used(wrong: str) -> None:
    with pytest.raises(Unusable):
        operations_of(wrong, QUERY)


@given(st.text() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps))
def test_whatever_is_answered_it_makes_operations_or_is_not_used(anything: str) -> None:
    with contextlib.suppress(Unusable):
        operations_of(anything, QUERY)
