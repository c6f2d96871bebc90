"""Readings, the values that payloads bring into them, and their usable parts."""

from __future__ import annotations

import pytest

from bot.understanding import operations as op
from bot.understanding.reading import (
    REFINE,
    SEARCH,
    Excluded,
    Parts,
    Reading,
    Span,
    Wish,
    usable_spans,
)


def test_an_intent_that_is_settled_has_the_share_of_the_one_before() -> None:
    reading = Reading("a red one", (("search", 0.5), ("greet", 0.3), ("refine", 0.2)))
    settled = reading.settled("refine")
    assert settled.ranking == (("refine", 0.7), ("search", 0.0), ("greet", 0.3))
    assert (settled.intent, settled.confidence, settled.share("search")) == ("refine", 0.7, 0.0)
    assert reading.settled("search") is reading
    assert reading.settled("other").ranking[0] == ("other", 0.5)


@pytest.mark.parametrize(
    ("value", "values"),
    [
        ("a dog", ["a dog"]),
        (2, [2]),
        ([2, "3", None, [4]], [2, "3"]),
        (True, ["true"]),
        (None, []),
        (2.5, []),
        ({"a": 1}, []),
        (list(range(100)), list(range(24))),
    ],
)
def test_what_payloads_bring_is_a_text_or_a_number(value: object, values: list[object]) -> None:
    assert [span.value for span in usable_spans("query", value, 0, 5)] == values


def _parts(*spans: Span, text: str = "", intent: str = SEARCH) -> Parts:
    return Parts.of(Reading(text, ((intent, 1.0),), spans))


def test_wishes_keep_their_order_and_their_roles() -> None:
    parts = _parts(Span("query", "a dog", 0, 5), Span("query", "blue", 9, 13, role="replace"))
    assert parts.wishes == (Wish("a dog", 0), Wish("blue", 9, "replace"))
    assert parts.query == "a dog"


def test_one_place_of_a_text_holds_one_wish() -> None:
    parts = _parts(Span("query", "a dog", 0, 9), Span("query", "a cat", 0, 9))
    assert parts.wishes == (Wish("a dog"),)


def test_a_thing_is_excluded_once_and_knows_whether_another_takes_its_place() -> None:
    parts = _parts(
        Span("excluded", "dogs", 3, 7, role="replace"),
        Span("excluded", " dogs ", 9, 13),
        Span("excluded", "cats", 15, 19),
    )
    assert parts.excluded == (Excluded("dogs", 3, swapped=True), Excluded("cats", 15))


def test_what_stands_beside_a_wish_is_done_with_it() -> None:
    parts = _parts(Span("excluded", "people", 5, 11), Span("date", "2023", 15, 19))
    assert parts.beside == (op.Exclude("people"), op.Filter("date", "2023"))


def test_liked_and_unliked_positions_are_told_apart() -> None:
    parts = _parts(
        Span("position", 2), Span("position", "3"), Span("position", 2),
        Span("position", 4, role="unlike"), Span("position", "x"),
    )  # fmt: skip
    assert parts.pictures == ((2, 3), None)
    assert parts.unliked == (4,)


def test_any_lifts_a_filter() -> None:
    assert _parts(Span("folder", "any"), intent=REFINE).filters == (op.Filter("folder"),)


def test_what_cues_say() -> None:
    parts = _parts(
        Span("dropped", "the grass"), Span("recalled", "the dogs"), Span("steps", 3),
        Span("answer", "all"), Span("subject", "joke"), Span("language", "de"),
    )  # fmt: skip
    assert (parts.dropped, parts.recalled, parts.steps) == ("the grass", "the dogs", 3)
    assert (parts.answer, parts.subject, parts.language) == ("all", "joke", "de")


def test_what_else_is_said_stands_before_or_behind_the_main_thing() -> None:
    parts = _parts(
        Span("also", "thank", 0, 6), Span("query", "a dog", 8, 13), Span("also", "greet", 15, 20)
    )
    assert parts.also == (("thank", True), ("greet", False))


def test_nothing_said_is_nothing_held() -> None:
    assert _parts() == Parts(SEARCH)


def test_no_number_of_steps_goes_back_less_than_one() -> None:
    assert _parts(Span("steps", 0)).steps == _parts(Span("steps", "x")).steps == 1


def test_long_and_odd_values_are_cut() -> None:
    assert len(_parts(Span("query", "dog " * 999)).query) <= 500
    assert _parts(Span("image", "x" * 65)).pictures == ((), None)
    assert _parts(Span("rating", "sideways")).rating is None
