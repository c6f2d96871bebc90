"""What a language model may answer, and the operations that it makes.

Whatever it is told to do, by whomever, it can only change the search of the person who wrote: there
is no other operation here. Forgetting the whole search is not among them either.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bot.understanding import operations as op
from bot.understanding.operations import Operation
from bot.understanding.reading import plain_text
from retrieval.search.query import Query

__all__ = ["SCHEMA", "Unusable", "operations_of"]

_MOST_OPERATIONS = 10
_LONGEST = 200
_MOST_POSITIONS = 24


_Do = Literal[
    "search",
    "refine",
    "replace",
    "exclude",
    "allow",
    "like",
    "unlike",
    "describe",
    "more",
    "undo",
    "browse",
]


class Unusable(Exception):
    """An answer that is not of the form that was asked for; says what is wrong."""


class _Step(BaseModel):
    """One operation, in the flat form that small models keep to."""

    model_config = ConfigDict(extra="forbid")

    do: _Do
    text: str = Field("", max_length=_LONGEST)
    part: str = Field("", max_length=_LONGEST)
    positions: tuple[int, ...] = Field((), max_length=_MOST_POSITIONS)

    @field_validator("text", "part")
    @classmethod
    def _one_line(cls, value: str) -> str:
        return plain_text(value).strip()


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    operations: list[_Step] = Field(max_length=_MOST_OPERATIONS)


def operations_of(answer: str, query: Query) -> tuple[Operation, ...]:
    """Return the operations of an answer; none where it leaves the message to the rules.

    Args:
        answer: what the model wrote, perhaps with words or a code fence around its JSON.
        query: the running search, whose parts can be replaced.

    Raises:
        Unusable: it holds no such operations, or one that cannot be carried out.
    """
    try:
        steps = _Answer.model_validate_json(answer[answer.find("{") : answer.rfind("}") + 1])
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise Unusable(f"{first['loc']}: {first['msg']}") from None
    return tuple(_made(step, query) for step in steps.operations)


def _made(step: _Step, query: Query) -> Operation:
    if step.do in _BY_TEXT:
        if not step.text:
            raise Unusable(f"{step.do} without a text")
        return _BY_TEXT[step.do](step.text)
    if step.do in _BY_POSITIONS:
        if not step.positions:
            raise Unusable(f"{step.do} without positions")
        return _BY_POSITIONS[step.do](step)
    if step.do == "replace":
        if step.part not in query.texts:
            raise Unusable("a part that is not searched for")
        return op.Replace(step.part, step.text)
    return _ALONE[step.do]


_BY_TEXT: dict[str, Callable[[str], Operation]] = {
    "search": op.Search,
    "refine": op.Refine,
    "exclude": op.Exclude,
    "allow": op.Allow,
}
_BY_POSITIONS: dict[str, Callable[[_Step], Operation]] = {
    "like": lambda step: op.Like(step.positions),
    "unlike": lambda step: op.Unlike(step.positions),
    "describe": lambda step: op.Describe(step.positions, question=step.text),
}
_ALONE: dict[str, Operation] = {"more": op.More(), "undo": op.Undo(), "browse": op.Browse()}


def _schema() -> dict[str, Any]:
    """Return the form as the strict JSON schema that such endpoints take: every field is named."""
    text, positions = {"type": "string"}, {"type": "array", "items": {"type": "integer"}}
    fields = {
        "do": {"type": "string", "enum": list(get_args(_Do))},
        "text": text,
        "part": text,
        "positions": positions,
    }
    step = {"type": "object", "properties": fields, "required": list(fields)}
    whole = {"operations": {"type": "array", "items": step | {"additionalProperties": False}}}
    return {
        "type": "object",
        "properties": whole,
        "required": ["operations"],
        "additionalProperties": False,
    }


SCHEMA = _schema()
"""The form of an answer as a JSON schema."""
