"""A chip takes out its own part of the search, and nothing that merely has the same name."""

from __future__ import annotations

import pytest

from bot.dialogue.draft import Draft
from bot.dialogue.message import Words
from bot.dialogue.perform import PERFORM
from bot.sessions.record import SessionRecord
from bot.settings import Settings
from bot.understanding.meaning import decide
from bot.wording.classes import Classes
from bot.wording.edits import Editor
from bot.wording.questions import QuestionReader
from retrieval.search.query import Query
from tests.bot.talk import Stage


def _query(stage: Stage, who: str, *messages: str) -> Query:
    for message in messages:
        turn = stage.say(who, message)
    return turn.query


def test_a_text_that_is_a_picture_s_id_is_no_picture(stage: Stage) -> None:
    liked = _query(stage, "drop id", "a star", "more like the first one").liked
    assert _query(stage, "drop id", f'/drop_from_search{{"query": "{liked[0]}"}}').liked == liked
    assert _query(stage, "drop id", f'/drop_from_search{{"image": "{liked[0]}"}}').liked == ()


def test_the_word_upload_is_no_upload(stage: Stage) -> None:
    _query(stage, "drop word", '/search_images{"query": "upload"}')
    assert _query(stage, "drop word", '/drop_from_search{"upload": true}').texts == ("upload",)


def test_an_exclusion_is_dropped_by_its_very_words(stage: Stage) -> None:
    said = ("a shape", '/exclude_from_search{"excluded": "red stars"}')
    assert _query(stage, "drop words", *said).excluded == ("red stars",)
    again = _query(stage, "drop words", '/drop_from_search{"excluded": "stars"}')
    assert again.excluded == ("red stars",)
    assert _query(stage, "drop words", '/drop_from_search{"excluded": "red stars"}').excluded == ()


@pytest.mark.parametrize(
    ("payload", "left"),
    [
        ('{"tag": "red"}', (("tag", "small"), ("date", "2023"))),
        ('{"date": "2023"}', (("tag", "red"), ("tag", "small"))),
        ('{"tag": "any"}', (("date", "2023"),)),
        ('{"tag": "large"}', (("tag", "red"), ("tag", "small"), ("date", "2023"))),
        ('{"folder": "red"}', (("tag", "red"), ("tag", "small"), ("date", "2023"))),
    ],
)
def test_a_filter_is_dropped_by_its_very_value(
    stage: Stage, payload: str, left: tuple[tuple[str, str], ...]
) -> None:
    query = Query(filters=(("tag", "red"), ("tag", "small"), ("date", "2023")))
    record = SessionRecord(sender_id="chips", query=query)
    reading = stage.run(stage.conversation.read(f"/drop_from_search{payload}"))
    meaning = decide(reading, record, lambda *_: 0.0)
    project = stage.conversation.project

    async def drop() -> Query:
        with stage.conversation._live.lease() as serving:
            run, words = serving.run, Words(project.domain)
            draft = Draft(
                record=record,
                meaning=meaning,
                serving=serving,
                run=run,
                settings=Settings(),
                project=project,
                words=words,
                editor=Editor(Classes({})),
                questions=QuestionReader({}),
                query=query,
            )
            for operation in meaning.operations:
                await PERFORM[type(operation)](draft, operation)
            return draft.query

    assert stage.run(drop()).filters == left


def test_a_text_said_twice_is_one_part(stage: Stage) -> None:
    texts = _query(stage, "twice", "a star", "green", '/refine_search{"query": "green"}').texts
    assert texts == ("a star", "green")


@pytest.mark.parametrize("text", ["red\\u0007 star", "red \\u0000star", "red\\u001b star\\ud800"])
def test_control_characters_of_a_payload_go_no_further(stage: Stage, text: str) -> None:
    (wanted,) = _query(stage, f"control {text}", f'/search_images{{"query": "{text}"}}').texts
    assert wanted.replace("?", "") == "red star"
    assert wanted.isprintable()
