"""What words come to in the session they are said in: answers, corrections, ways back."""

from __future__ import annotations

import pytest

from bot.sessions.record import SessionRecord, StoredHit
from bot.understanding import operations as op
from bot.understanding.in_session import answer, correct, drop, judge, recall
from bot.understanding.operations import Operation
from bot.understanding.rasa_project import RasaProject
from bot.understanding.reading import REFINE, SEARCH, Excluded, Parts, Wish
from bot.wording.classes import Classes
from bot.wording.edits import Editor
from retrieval.search.query import Query


@pytest.fixture(scope="module")
def editor() -> Editor:
    return Editor(Classes(RasaProject.load().classes))


def _record(*texts: str, excluded: tuple[str, ...] = ()) -> SessionRecord:
    return SessionRecord(sender_id="anna", query=Query(texts, excluded=excluded))


@pytest.mark.parametrize(
    ("parts", "operations"),
    [
        (Parts(SEARCH, answer="all"), [op.Answer()]),
        (Parts(SEARCH, answer="none"), [op.Answer(refused=True)]),
        (Parts(SEARCH, answer=1), [op.Answer("on a beach")]),
        (Parts(SEARCH, answer=-1), [op.Answer("in the snow")]),
        (Parts(SEARCH, answer=3), []),
        (Parts(SEARCH, wishes=(Wish("snow"),)), [op.Answer("in the snow")]),
        (Parts(REFINE, wishes=(Wish("the beach"),)), [op.Answer("on a beach")]),
        (Parts(SEARCH, wishes=(Wish("a dog"),)), []),
        (Parts(SEARCH, wishes=(Wish("snow on a mountain"),)), []),
        (Parts(SEARCH, wishes=(Wish("snow"),), excluded=(Excluded("people"),)), []),
        (Parts("thank"), []),
    ],
)
def test_a_question_is_answered(editor: Editor, parts: Parts, operations: list[Operation]) -> None:
    record = _record("a dog")
    record.options = ["on a beach", "in the snow"]
    assert answer(parts, record, editor) == tuple(operations)


def test_without_a_question_a_number_is_no_answer_and_no_preference_changes_nothing(
    editor: Editor,
) -> None:
    assert answer(Parts(SEARCH, answer=1), _record("a dog"), editor) == ()
    assert answer(Parts(SEARCH, answer="all"), _record("a dog"), editor) == (op.Answer(),)
    assert answer(Parts(SEARCH, answer="all"), _record(), editor) == ()


@pytest.mark.parametrize(
    ("text", "wishes", "intent", "operations"),
    [
        (
            "a man on a bike", [Wish("a woman", role="replace")], SEARCH,
            [op.Replace("a man on a bike", "a woman on a bike")],
        ),
        ("red cars", [Wish("blue", 0, "replace")], SEARCH, [op.Replace("red cars", "blue cars")]),
        ("red cars", [Wish("blue", 0, "exchange")], REFINE, [op.Replace("red cars", "blue cars")]),
        ("two dogs", [Wish("three dogs")], REFINE, [op.Replace("two dogs", "three dogs")]),
        ("a dog", [Wish("a trumpet", role="replace")], SEARCH, [op.Replace("a dog", "a trumpet")]),
        ("a dog", [Wish("smaller")], REFINE, [op.Refine("small")]),
        ("a woman", [Wish("a woman", role="replace")], SEARCH, []),
        ("a red car", [Wish("a dog")], SEARCH, []),
        ("a dog", [Wish("on a beach")], REFINE, []),
    ],
)  # fmt: skip
def test_a_correction_replaces_what_is_of_its_kind(
    editor: Editor, text: str, wishes: list[Wish], intent: str, operations: list[Operation]
) -> None:
    parts = Parts(intent, wishes=tuple(wishes))
    assert correct(parts, _record(text), editor) == tuple(operations)


def test_a_thing_that_another_takes_the_place_of_is_not_excluded(editor: Editor) -> None:
    parts = Parts(
        SEARCH,
        wishes=(Wish("a cat", 12, "replace"),),
        excluded=(Excluded("a dog", 4, swapped=True),),
    )
    assert correct(parts, _record("a dog on grass"), editor) == (
        op.Replace("a dog on grass", "a cat on grass"),
    )


def test_what_else_is_excluded_stays_excluded(editor: Editor) -> None:
    parts = Parts(SEARCH, wishes=(Wish("blue", 4, "replace"),), excluded=(Excluded("people", 20),))
    assert correct(parts, _record("a red car"), editor) == (
        op.Replace("a red car", "a blue car"),
        op.Exclude("people"),
    )


def test_without_a_search_nothing_is_corrected(editor: Editor) -> None:
    parts = Parts(SEARCH, wishes=(Wish("blue", role="replace"),))
    assert correct(parts, _record(), editor) == ()


@pytest.mark.parametrize(
    ("texts", "excluded", "dropped", "operations"),
    [
        (("a dog on grass",), (), "the grass", [op.Replace("a dog on grass", "a dog")]),
        (("a dog", "on grass"), (), "the grass", [op.Replace("on grass", "")]),
        (("a dog",), ("people",), "the people", [op.Allow("people", exactly=True)]),
        (("a dog",), (), "the cat", []),
        (("a dog",), (), "it", []),
    ],
)
def test_what_is_forgotten_is_taken_out(
    editor: Editor,
    texts: tuple[str, ...],
    excluded: tuple[str, ...],
    dropped: str,
    operations: list[Operation],
) -> None:
    record = _record(*texts, excluded=excluded)
    assert drop(Parts("undo_search", dropped=dropped), record, editor) == tuple(operations)


def test_the_way_back_leads_to_the_latest_search_about_what_is_named(editor: Editor) -> None:
    record = _record("a surfer")
    for text in ("a dog", "a cat"):
        record.remember()
        record.query = Query((text,))
    assert recall(Parts(SEARCH, recalled="the surfing ones"), record, editor) == (op.Undo(2),)
    assert recall(Parts(SEARCH, recalled="the dogs"), record, editor) == (op.Undo(1),)
    assert recall(Parts(SEARCH, recalled="the cats"), record, editor) == ()
    assert recall(Parts(SEARCH, recalled="the horses"), record, editor) == ()
    assert recall(Parts(SEARCH), record, editor) == ()


def test_too_many_steps_back_lead_to_the_first_search(editor: Editor) -> None:
    record = SessionRecord(sender_id="anna")
    for text in ("a dog", "a cat", "a bird"):
        record.remember()
        record.query = Query((text,))
    assert recall(Parts("undo_search", steps=20), record, editor) == (op.Undo(2),)
    assert recall(Parts("undo_search", steps=3), record, editor) == ()


@pytest.mark.parametrize(
    ("parts", "hits", "operations"),
    [
        (Parts("rate_image", rating="up"), 3, [op.Chat("react_good")]),
        (Parts("rate_image", rating="down"), 3, [op.More(instead=True)]),
        (Parts("react_bad"), 3, [op.More(instead=True)]),
        (Parts("rate_image", rating="up"), 1, []),
        (Parts("rate_image", rating="up", pictures=((2,), None)), 3, []),
        (Parts("react_good"), 3, []),
    ],
)
def test_praise_and_blame_for_no_picture_are_for_all(
    editor: Editor, parts: Parts, hits: int, operations: list[Operation]
) -> None:
    record = _record("a dog")
    record.hits = [StoredHit(image_id=f"p{i}", score=0.5) for i in range(hits)]
    assert judge(parts, record, editor) == tuple(operations)


def test_blame_without_a_search_changes_nothing(editor: Editor) -> None:
    assert judge(Parts("react_bad"), _record(), editor) == ()
    assert judge(Parts("react_bad", denied=Wish("dogs")), _record(), editor) == ()
