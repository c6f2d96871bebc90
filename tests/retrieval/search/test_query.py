import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from retrieval.search.query import MOST_SEEN, Query

JSON = TypeAdapter(Query)
words = st.lists(st.text(max_size=12), max_size=3).map(tuple)
queries = st.builds(
    Query,
    texts=words,
    image=st.none() | st.text(max_size=8),
    liked=words,
    disliked=words,
    excluded=words,
    seen=words,
    filters=st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3).map(tuple),
)


@given(queries)
def test_json_round_trip(query: Query) -> None:
    assert JSON.validate_json(JSON.dump_json(query)) == query


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "Invalid JSON"),
        ("[]", "should be an object"),
        ('{"text": []}', "text"),
        ('{"texts": "a dog"}', "texts"),
        ('{"liked": [1]}', "liked"),
        ('{"image": 3}', "image"),
        ('{"filters": [["a"]]}', "filters"),
        ('{"filters": 5}', "filters"),
        ('{"filters": {"a": "b"}}', "filters"),
    ],
)
def test_json_of_something_else_is_refused(text: str, named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        JSON.validate_json(text)


def test_missing_fields_are_empty() -> None:
    assert JSON.validate_json('{"texts": ["a dog"]}') == Query(texts=("a dog",))


def test_is_immutable_and_empty_at_first() -> None:
    assert Query().is_empty
    for changed in (
        Query().refine("a"),
        Query().exclude("a"),
        Query().like("a"),
        Query().dislike("a"),
        Query().filter("a", "b"),
        Query(image="a"),
    ):
        assert not changed.is_empty
    with pytest.raises(dataclasses.FrozenInstanceError):
        Query().texts = ("a",)  # type: ignore[misc]


def test_evolution() -> None:
    query = Query().refine("dog").refine("on a beach").exclude("people").exclude("people")
    assert query.texts == ("dog", "on a beach")
    assert query.excluded == ("people",)
    assert query.allow("people").excluded == ()
    assert query.like("x").dislike("x").liked == ()
    assert query.like("x").dislike("x").disliked == ("x",)
    assert query.dislike("x").like("x").disliked == ()
    assert query.like("x").like("y").like("x").liked == ("y", "x")
    assert query.filter("a", "b").filter("a", "b").filters == (("a", "b"),)


def test_refining_remembers_what_was_seen() -> None:
    query = Query(texts=("a dog",)).refine("on a beach", ["a", "b"]).refine("brown", ["b", "c"])
    assert query.texts == ("a dog", "on a beach", "brown")
    assert query.seen == ("a", "b", "c")
    many = query.refine("more", [str(i) for i in range(MOST_SEEN)])
    assert len(many.seen) == MOST_SEEN
    assert many.seen[-1] == str(MOST_SEEN - 1)


def test_conditions_on_a_key_are_lifted_together() -> None:
    query = Query().filter("date", "2022..").filter("tag", "x").filter("date", "..2023")
    assert query.unfilter("date").filters == (("tag", "x"),)


def test_one_of_many_lifts_them_all() -> None:
    query = Query().exclude("children").exclude("red cars")
    assert query.allow("a child").excluded == ("red cars",)
    assert query.allow("any red car").excluded == ("children",)
    assert query.allow("car").excluded == query.excluded
    assert query.exclude("a child").excluded == ("red cars", "a child")


def test_an_exclusion_is_bound_to_its_search_as_long_as_it_stands() -> None:
    query = Query(("a horse",)).exclude("people").exclude("a saddle", bound=True)
    assert (query.excluded, query.bound) == (("people", "a saddle"), ("a saddle",))
    assert query.allow("saddles").bound == ()
    assert query.exclude("a saddle").bound == (), "said anew, it is meant for good"
    assert query.leave_out(["people"]) == Query(("a horse",), excluded=("people",))
