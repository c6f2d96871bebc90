"""What the command line shows: progress bars, tables, one-line failures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

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

    Silent when standard error is not a terminal, so that logs and pipes stay clean.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def report(done: int, total: int, what: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield report


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
