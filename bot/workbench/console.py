"""What the command line shows: progress bars, tables, one-line failures."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Protocol

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from embedding.data.pairs import Skipped

out = Console()
err = Console(stderr=True)

_NAMED = 5
"""How many things left out for one reason are named."""


_LINE_EVERY_S = 15.0
_JSON_EVERY_S = 0.3
MOST_NAMED = 50
"""How many things left out are told to a program."""


class Report(Protocol):
    """How long work says how far it is; the shape of `embedding.progress.Progress`."""

    def __call__(self, done: int, total: int, what: str) -> None:
        """Tell that `done` of `total` units of `what` are done."""


class _Rate(ProgressColumn):
    """Units a second, once there is something to divide."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:.0f}/s" if task.speed else "", style="progress.data.speed")


@contextmanager
def progress_bars() -> Iterator[Report]:
    """Yield a `Report` that draws one bar for each kind of work, with rate and time left.

    Where standard error is no terminal it prints a line now and then instead.
    """
    if not err.is_terminal:
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as bars:
        tasks: dict[str, TaskID] = {}

        def report(done: int, total: int, what: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report


@contextmanager
def json_lines() -> Iterator[Report]:
    """Yield a `Report` that prints a JSON object a line, a few times a second, for programs.

    What libraries print meanwhile goes to standard error.
    """
    told, told_to = 0.0, sys.stdout

    def report(done: int, total: int, what: str) -> None:
        nonlocal told
        now = time.monotonic()
        if done >= total or now - told >= _JSON_EVERY_S:
            told = now
            typer.echo(json.dumps({"what": what, "done": done, "total": total}), file=told_to)

    with redirect_stdout(sys.stderr):
        yield report


class _Lines:
    """Tells of long work in lines: the first after a while, so that short work says nothing."""

    def __init__(self) -> None:
        self._begun: dict[str, tuple[float, int]] = {}
        self._told = 0.0

    def __call__(self, done: int, total: int, what: str) -> None:
        """Tell that `done` of `total` units of `what` are done, with rate and time left."""
        now = time.monotonic()
        begun, done_before = self._begun.setdefault(what, (now, done))
        if now - max(begun, self._told) < _LINE_EVERY_S or done == done_before:
            return
        self._told = now
        rate = (done - done_before) / (now - begun)
        left = (total - done) / rate
        say(f"{what}: {done:,} of {total:,}, {rate:.1f}/s, {left / 60:.0f} min left")


def say(sentence: str) -> None:
    """Print one line about what is going on, on standard error, also when it is no terminal."""
    err.print(sentence, highlight=False, soft_wrap=True)


def name_skipped(skipped: Iterable[Skipped]) -> None:
    """Print what was left out, and why: of each reason the first few, and how many more."""
    by_reason: dict[str, list[str]] = {}
    for item in skipped:
        by_reason.setdefault(item.why, []).append(item.what)
    for why, names in by_reason.items():
        for name in names[:_NAMED]:
            say(f"  skipped {name}: {why}")
        if len(names) > _NAMED:
            say(f"  skipped {len(names) - _NAMED:,} more: {why}")
