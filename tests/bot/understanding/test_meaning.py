"""What a message means in its session, however odd its spans are."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sessions.record import SessionRecord
from bot.understanding import operations as op
from bot.understanding.meaning import Meaning, decide
from bot.understanding.reading import REFINE, SEARCH, Reading, Span, usable_spans
from retrieval.search.query import Query

RUNNING = Query(("a dog",))


def _record(query: Query = RUNNING) -> SessionRecord:
    return SessionRecord(sender_id="anna", query=query)


def _never(text: str, others: Sequence[str]) -> float:
    raise AssertionError("nothing was in doubt")


def _bare(intent: str, text: str, refine: float = 0.0) -> Reading:
    """A reading of a text that is content throughout."""
    other = REFINE if intent == SEARCH else SEARCH
    share = refine if intent == REFINE else 1 - refine
    spans = (Span("query", text, 0, len(text)),)
    return Reading(text, ((intent, share), (other, 1 - share)), spans)


def _clicked(intent: str, **values: object) -> Meaning:
    spans = [span for name, value in values.items() for span in usable_spans(name, value, 0, 9)]
    return decide(Reading("/clicked", ((intent, 1.0),), tuple(spans)), _record(), _never)


@pytest.mark.parametrize(
    ("reading", "query", "upload", "intent"),
    [
        (_bare(REFINE, "on a beach", 0.9), Query(), None, SEARCH),
        (_bare(REFINE, "on a beach", 0.99), RUNNING, None, REFINE),
        (_bare(SEARCH, "a red one", 0.35), RUNNING, None, REFINE),
        (_bare(SEARCH, "a red one", 0.35), Query(), None, SEARCH),
        (_bare(SEARCH, "a red one", 0.1), RUNNING, None, SEARCH),
        (Reading("hello", (("greet", 1.0),)), RUNNING, None, "greet"),
        (Reading("like this", (("similar_to_image", 1.0),)), RUNNING, "key", SEARCH),
        (Reading("", ((SEARCH, 1.0),)), RUNNING, None, REFINE),
        (Reading("", ((SEARCH, 1.0),)), Query(), None, SEARCH),
    ],
)
def test_the_session_settles_what_a_message_is(
    reading: Reading, query: Query, upload: str | None, intent: str
) -> None:
    assert decide(reading, _record(query), _never, upload).intent == intent


@pytest.mark.parametrize(
    ("refine", "closeness", "intent"),
    [
        (0.2, 4.5, REFINE),
        (0.2, 0.0, SEARCH),
        (0.7, 1.5, REFINE),
        (0.7, 0.0, SEARCH),
        (0.01, 9.0, SEARCH),
    ],
)
def test_in_doubt_the_running_search_tells(refine: float, closeness: float, intent: str) -> None:
    record = _record(Query(tuple(f"text {i}" for i in range(9))))
    compared: list[Sequence[str]] = []

    def measure(_: str, others: Sequence[str]) -> float:
        compared.append(others)
        return closeness

    reading = _bare(SEARCH, "the dog is all white", refine)
    assert decide(reading, record, measure).intent == intent
    assert all(others == record.query.texts[-4:] for others in compared)


def test_confidence_and_ranking_belong_to_the_settled_intent() -> None:
    meaning = decide(_bare(SEARCH, "a red one", 0.35), _record(), _never)
    assert (meaning.intent, meaning.confidence) == (REFINE, 1.0)
    assert meaning.ranking == ((REFINE, 1.0), (SEARCH, 0.0))
    assert meaning.operations == (op.Refine("a red one"),)


@pytest.mark.parametrize(
    ("meaning", "operations"),
    [
        (
            _clicked(SEARCH, query=" a  dog\n", excluded=["people", "cats"], date="2023"),
            [op.Search("a dog"), *map(op.Exclude, ("people", "cats")), op.Filter("date", "2023")],
        ),
        (_clicked(REFINE, date="any", tag="x"), [op.Filter("date"), op.Filter("tag", "x")]),
        (_clicked(REFINE), [op.Refine()]),
        (_clicked("exclude_from_search", excluded="cats"), [op.Exclude("cats")]),
        (_clicked("exclude_from_search", allowed="cats"), [op.Allow("cats")]),
        (_clicked("exclude_from_search"), [op.Exclude()]),
        (_clicked("similar_to_image", position=[2, 3, 2]), [op.Like((2, 3))]),
        (_clicked("unlike_image", image="ab"), [op.Unlike((), "ab")]),
        (_clicked("describe_image", position="-1"), [op.Describe((-1,))]),
        (_clicked("rate_image", position=1, rating="up"), [op.Rate((1,), None, "up")]),
        (_clicked("rate_image", rating="sideways"), [op.Rate()]),
        (_clicked("drop_from_search", query="a dog"), [op.Replace("a dog")]),
        (_clicked("drop_from_search", image="ab"), [op.Replace("ab", kind="picture")]),
        (_clicked("drop_from_search", upload=True), [op.Replace(kind="upload")]),
        (_clicked("drop_from_search", excluded="cats"), [op.Allow("cats", exactly=True)]),
        (
            _clicked("drop_from_search", folder="holiday", tag="any"),
            [op.Replace("holiday", kind="folder"), op.Filter("tag")],
        ),
        (_clicked("drop_from_search"), [op.Replace()]),
        (_clicked("more_images"), [op.More()]),
        (_clicked("undo_search"), [op.Undo()]),
        (_clicked("restart_search"), [op.Restart()]),
        (_clicked("thank"), [op.Thank("thank")]),
        (_clicked("out_of_scope"), [op.Chat("out_of_scope")]),
        (_clicked("somebodys_own"), [op.Unknown("somebodys_own")]),
    ],
)  # fmt: skip
def test_an_intent_and_its_spans_are_operations(
    meaning: Meaning, operations: list[op.Operation]
) -> None:
    assert meaning.operations == tuple(operations)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(json_values, json_values, json_values)
def test_any_values_are_survived(first: object, second: object, third: object) -> None:
    (search, *_) = _clicked(SEARCH, query=first, excluded=second, tag=third).operations
    assert isinstance(search, op.Search)
    assert len(search.text) <= 500
    (rate,) = _clicked("rate_image", position=second, image=third, rating=first).operations
    assert isinstance(rate, op.Rate)
    assert all(type(position) is int for position in rate.positions)
    assert rate.image is None or 0 < len(rate.image) <= 64
    assert rate.rating in (None, "up", "down")
