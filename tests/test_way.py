"""The way of one message: which files have it, and in which shapes they hand it on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from bot.server.app import create_app
from bot.server.embedded_redis import EmbeddedRedis
from scripts.draw_rooms import PAGE
from scripts.draw_way import Recorder, draw, follow, handed_on
from tests.fixtures.server import make_settings

MOST_FILES = 20


@pytest.fixture(scope="module")
def recorder(
    shapes_bundles: Path, embedded_redis: EmbeddedRedis, server_data_dir: Path
) -> Recorder:
    recorder = Recorder()
    app = create_app(make_settings(shapes_bundles, embedded_redis.url, server_data_dir))
    with recorder.hooked(), TestClient(app, base_url="http://127.0.0.1") as client:
        follow(recorder, client)
    return recorder


@pytest.fixture(scope="module")
def text() -> str:
    page = PAGE.read_text(encoding="utf-8")
    return page[page.index("## The way of one message") : page.index("<!-- end of way -->")]


def test_one_message_goes_through_few_files(recorder: Recorder) -> None:
    assert 10 < len(recorder.way) <= MOST_FILES, "\n".join(recorder.way)
    for tool in ("bot/live/threads", "bot/wording/clauses", "retrieval/search/finding"):
        assert tool in recorder.ran, "it runs for the message"
        assert tool not in recorder.way, "but is not given it under a name"


def test_rooms_hand_it_on_in_three_shapes_and_its_answer_in_two(recorder: Recorder) -> None:
    assert handed_on(recorder.way) == ["Message", "Meaning", "Query", "SearchResult", "Turn"]


def test_the_table_is_the_way_that_the_application_goes(recorder: Recorder, text: str) -> None:
    table = text.partition("<!-- way -->\n")[2]
    assert table == draw(recorder.way), "docs/architecture.md is not of this code; run: make way"


def test_the_picture_shows_the_files_of_the_way_and_no_others(
    recorder: Recorder, text: str
) -> None:
    picture = text.partition("```mermaid")[2].partition("```")[0]
    shown = set(re.findall(r"\b[a-z]+/[a-z_]+\b", picture.replace("\\n", " ")))
    assert shown == {file.partition("/")[2] for file in recorder.way}
