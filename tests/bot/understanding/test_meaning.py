"""What actions take from a message, however odd its entities are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.understanding.meaning import Heard
from retrieval.search.query import Query


def _heard(**values: object) -> Heard:
    entities = [{"entity": name, "value": value} for name, value in values.items()]
    return Heard.of({"entities": entities})


def test_entities_are_read() -> None:
    heard = _heard(query=" a  dog\n", excluded="cats", position="2", image="ab", rating="up")
    assert heard == Heard(query="a dog", excluded="cats", positions=(2,), image="ab", rating="up")


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
    assert all(type(position) is int for position in heard.positions)
    assert heard.image is None or 0 < len(heard.image) <= 64
    assert heard.rating in (None, "up", "down")


@pytest.mark.parametrize(
    ("positions", "chosen"),
    [
        ((1,), "a"),
        ((4,), "d"),
        ((-1,), "d"),
        ((-4,), "a"),
        ((0,), "b"),
        ((2, 3), "bc"),
        ((4, -1), "d"),
        ((5,), ""),
        ((-5,), ""),
        ((1, 5), ""),
        ((), ""),
    ],
)
def test_positions_choose(positions: tuple[int, ...], chosen: str) -> None:
    assert Heard(positions=positions).choose(["a", "b", "c", "d"]) == tuple(chosen)
    assert Heard(positions=positions).choose([]) == ()


def test_several_positions_and_lists_of_them_are_read() -> None:
    message = {"entities": [{"entity": "position", "value": v} for v in (2, [3, "4", None], 2)]}
    assert Heard.of(message).positions == (2, 3, 4)


def test_filters_narrow_a_query_and_are_lifted() -> None:
    running = Query(("dogs",), filters=(("date", "2022"), ("color", "red")))
    narrowed = _heard(date="2023", folder="holiday", tag="").narrow(running)
    assert narrowed.filters == (("color", "red"), ("date", "2023"), ("folder", "holiday"))
    assert _heard(date="any").narrow(narrowed).filters == (("color", "red"), ("folder", "holiday"))


@pytest.mark.parametrize(
    ("allowed", "lifted"),
    [
        ("dogs", ("a dog",)),
        ("the red cars", ("red cars",)),
        ("everything", ("a dog", "red cars")),
        ("cats", ()),
    ],
)
def test_what_is_allowed_again_is_found_among_the_exclusions(
    allowed: str, lifted: tuple[str, ...]
) -> None:
    assert Heard(allowed=allowed).lifted(("a dog", "red cars")) == lifted


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
