"""The session record: history, bounds, and its way through JSON."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from pydantic import ValidationError

from bot.errors import NotYours
from bot.sessions.record import (
    MAX_EXCLUDED,
    MAX_FEEDBACK,
    MAX_FILTERS,
    MAX_HISTORY,
    MAX_RATINGS,
    MAX_RECORD_BYTES,
    MAX_SHOWN,
    MAX_TEXTS,
    MAX_UPLOADS,
    SessionRecord,
    StoredHit,
)
from retrieval.search.query import Query


def _hits(*ids: str) -> list[StoredHit]:
    return [StoredHit(image_id=image_id, score=0.5, reasons=["visual"]) for image_id in ids]


def _searched(*texts: str) -> SessionRecord:
    record = SessionRecord(sender_id="anna")
    for text in texts:
        record.remember()
        record.show(Query(texts=(text,)), _hits(f"{text}1", f"{text}2"), shown_before=[])
    return record


def test_it_goes_through_json_unchanged() -> None:
    record = _searched("cat", "dog")
    record.query = Query(("dog",), "u1", ("a",), ("b",), ("red",), (("year", "2023"),))
    record.add_upload("u1", "abcd")
    record.rate("a", "up")
    assert SessionRecord.model_validate_json(record.dump_bounded()) == record


def test_undo_restores_exactly() -> None:
    record = _searched("cat")
    before = record.model_copy(deep=True)
    record.remember()
    record.show(record.query.refine("black"), _hits("x"), shown_before=record.shown)
    assert record.shown == ["cat1", "cat2", "x"]
    assert record.undo()
    assert (record.query, record.shown, record.hits) == (before.query, before.shown, before.hits)
    assert record.undo()
    assert not record.searching
    assert not record.undo()


def test_changes_after_remembering_do_not_reach_the_history() -> None:
    record = _searched("cat")
    record.remember()
    record.shown.append("late")
    record.hits.clear()
    record.undo()
    assert record.shown == ["cat1", "cat2"]
    assert record.last_hits == ["cat1", "cat2"]


def test_everything_is_bounded() -> None:
    record = SessionRecord(sender_id="anna")
    for number in range(MAX_SHOWN + 50):
        record.remember()
        record.show(Query(texts=("x",)), _hits(f"{number:016x}"), shown_before=record.shown)
        record.rate(f"{number:016x}", "down")
        record.add_upload(f"u{number}", "data")
    assert len(record.shown) == MAX_SHOWN
    assert len(record.history) == MAX_HISTORY
    assert len(record.ratings) == min(MAX_RATINGS, MAX_SHOWN + 50)
    assert len(record.uploads) == MAX_UPLOADS
    assert SessionRecord.model_validate_json(record.dump_bounded()) == record


def test_a_query_can_grow_no_further() -> None:
    numbers = tuple(f"{number:03}" for number in range(500))
    filters = tuple(("color", number) for number in numbers)
    query = Query(numbers, None, numbers, numbers, numbers, filters)
    record = SessionRecord(sender_id="anna")
    record.show(query, [], shown_before=[])
    assert record.query.texts == ("000", *numbers[1 - MAX_TEXTS :])
    assert record.query.excluded == numbers[-MAX_EXCLUDED:]
    assert record.query.liked == record.query.disliked == numbers[-MAX_FEEDBACK:]
    assert record.query.filters == filters[-MAX_FILTERS:]


def test_what_is_left_out_alone_is_a_search() -> None:
    assert SessionRecord(sender_id="anna", query=Query(excluded=("people",))).searching
    assert not SessionRecord(sender_id="anna", query=Query(disliked=("a",), seen=("b",))).searching


def test_a_record_that_grows_too_large_gives_up_its_oldest_history() -> None:
    record = SessionRecord(sender_id="anna")
    for number in range(MAX_HISTORY):
        record.remember()
        record.show(Query(texts=(str(number) + "x" * 200_000,)), [], shown_before=[])
    running = record.query
    body = record.dump_bounded()
    assert len(body) <= MAX_RECORD_BYTES
    kept = SessionRecord.model_validate_json(body)
    assert kept.query == running
    assert kept.undo()
    assert kept.query.texts[0].startswith(str(MAX_HISTORY - 2))


def test_states_go_with_the_upload_they_need() -> None:
    record = SessionRecord(sender_id="anna")
    for number in range(MAX_UPLOADS + 1):
        record.remember()
        record.add_upload(f"u{number}", "data")
        record.show(Query(image=f"u{number}"), [], shown_before=[])
    undone = []
    while record.undo():
        undone.append(record.query.image)
    assert undone == ["u2", "u1"]
    assert all(key in record.uploads for key in undone)


@pytest.mark.parametrize("extra", [{"v": 2}, {"turn": "x"}, {"query": {"texts": [1]}}, {"no": 1}])
def test_unknown_or_wrong_fields_are_errors(extra: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SessionRecord.model_validate({"sender_id": "anna", **extra})


@pytest.mark.parametrize(
    ("begun_with", "then", "is_let_in"),
    [("", "", True), ("", "x", True), ("x", "x", True), ("x", "", False), ("x", "y", False)],
)
def test_a_conversation_is_claimed_by_its_first_message(
    begun_with: str, then: str, is_let_in: bool
) -> None:
    record = SessionRecord(sender_id="anna")
    record.claim(begun_with)
    record.turn += 1
    record = SessionRecord.model_validate_json(record.dump_bounded())
    with nullcontext() if is_let_in else pytest.raises(NotYours):
        record.claim(then)
