"""What long work says where there is no terminal."""

import json

import pytest

from bot.workbench import console
from bot.workbench.console import json_lines, progress_bars


def test_lines_with_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    with progress_bars() as report:
        report(0, 4_000, "indexing pictures")
        for clock[0], done in ((105.0, 50), (120.0, 200), (121.0, 210), (140.0, 400)):
            report(done, 4_000, "indexing pictures")
    assert capsys.readouterr().err.splitlines() == [
        "indexing pictures: 200 of 4,000, 10.0/s, 6 min left",
        "indexing pictures: 400 of 4,000, 10.0/s, 6 min left",
    ]


def test_short_work_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bars() as report:
        for done in range(10):
            report(done, 10, "indexing pictures")
    assert capsys.readouterr().err == ""


def test_what_a_library_prints_does_not_come_between_the_lines_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with json_lines() as report:
        print("a library's own words")  # noqa: T201
        report(3, 3, "indexing pictures")
    said = capsys.readouterr()
    assert json.loads(said.out) == {"what": "indexing pictures", "done": 3, "total": 3}
    assert said.err == "a library's own words\n"
