"""What actions take from a message, however odd its entities are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.hearing import Heard


def _heard(**values: object) -> Heard:
    entities = [{"entity": name, "value": value} for name, value in values.items()]
    return Heard.of({"entities": entities})


def test_entities_are_read() -> None:
    heard = _heard(query=" a  dog\n", excluded="cats", position="2", image="ab", rating="up")
    assert heard == Heard("a dog", "cats", 2, "ab", "up")


@pytest.mark.parametrize("message", [{}, {"entities": None}, {"entities": []}])
def test_no_entities(message: dict[str, object]) -> None:
    assert Heard.of(message) == Heard()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values, json_values, json_values)
def test_any_values_are_survived(first: object, second: object, third: object) -> None:
    heard = _heard(query=first, position=second, image=third, rating=first)
    assert heard.query is None or 0 < len(heard.query) <= 500
    assert heard.position is None or type(heard.position) is int
    assert heard.image is None or 0 < len(heard.image) <= 64
    assert heard.rating in (None, "up", "down")


@pytest.mark.parametrize(
    ("position", "chosen"),
    [(1, "a"), (4, "d"), (-1, "d"), (-4, "a"), (0, "b"), (5, None), (-5, None), (None, None)],
)
def test_positions_choose(position: int | None, chosen: str | None) -> None:
    assert Heard(position=position).choose(["a", "b", "c", "d"]) == chosen
    assert Heard(position=position).choose([]) is None


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("a cat", ("dogs", "red cars")),
        ("a dog", ("red cars",)),
        ("a red bus", ("dogs", "red cars")),
        ("a red car with dogs", ()),
        (None, ("dogs", "red cars")),
    ],
)
def test_asking_for_something_lifts_its_exclusion(query: str | None, kept: tuple[str, ...]) -> None:
    assert Heard(query=query).still_excluded(("dogs", "red cars")) == kept
