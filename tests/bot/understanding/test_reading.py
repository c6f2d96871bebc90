"""Readings and the values that payloads bring into them."""

from __future__ import annotations

import pytest

from bot.understanding.reading import Reading, usable_spans


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
