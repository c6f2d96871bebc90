"""What `showtell evaluate` and `train` found out about a model, and how it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Self

from bot.workbench.console import out, say
from bot.workbench.recall_table import (
    AS_SEARCHED,
    DIRECTIONS,
    judged_lines,
    recall_lines,
    table_lines,
)
from embedding.evaluation.positives import Judged, Positives, judge
from embedding.evaluation.published import published_rows
from embedding.evaluation.recall import Embedded, Metrics, measure

__all__ = ["Figures", "Measured", "print_lines", "print_recall"]


@dataclass(frozen=True)
class Measured:
    """What was measured of a model.

    Attributes:
        embedded: the data set in the joint space.
        metrics: by cosine.
        searched: as the search ranks; None where that is the same.
        judged: how all right answers are found, by cosine and as the search ranks; empty where
            one is right.
    """

    embedded: Embedded
    metrics: Metrics
    searched: Metrics | None
    judged: Sequence[Judged]

    @classmethod
    def of(
        cls,
        embedded: Embedded,
        ranked: Embedded,
        positives: Positives | None = None,
    ) -> Self:
        """Return the figures of a data set by cosine and ranked ``as_searched``."""
        is_same = ranked is embedded
        ways = [embedded] if is_same else [embedded, ranked]
        judged = [judge(way, positives) for way in ways] if positives else []
        searched = None if is_same else measure(ranked)
        return cls(embedded, measure(embedded), searched, judged)

    @property
    def others(self) -> list[tuple[str, Metrics]]:
        """The rows below the model's own: names and figures."""
        return [(AS_SEARCHED, self.searched)] if self.searched else []

    def more_json(self) -> dict[str, Any]:
        """Return what stands beside the model's own figures, as JSON values."""
        figures: dict[str, Any] = {}
        if self.searched is not None:
            figures["as_searched"] = self.searched
        figures |= zip(("positives", "positives_as_searched"), self.judged, strict=False)
        return figures


@dataclass(frozen=True)
class Figures:
    """A model's figures on a data set.

    Attributes:
        model: as it was named.
        data: ``KIND:PATH``.
        metrics: its own, by cosine, as measured now or as recorded in training.
        measured: what else was measured now; None if nothing was.
    """

    model: str
    data: str
    metrics: Metrics
    measured: Measured | None = None

    @property
    def rows(self) -> list[tuple[str, Metrics]]:
        """The lines of a table: names and figures."""
        return [(self.model, self.metrics), *(self.measured.others if self.measured else [])]

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {**self.metrics, **(self.measured.more_json() if self.measured else {})}


def print_recall(figures: Sequence[Figures]) -> None:
    """Print recall in percent beside what others have published on these data.

    Args:
        figures: of one model on one data set, or of several, those of a data set side by side.
    """
    parts = [(data, list(rows)) for data, rows in groupby(figures, key=lambda one: one.data)]
    published = [published_rows(data) for data, _ in parts]
    rows = [[row for one in own for row in one.rows] for _, own in parts]
    counts = [f"{m['images']} images, {m['captions']} captions" for m in (r[0][1] for r in rows)]
    if len(parts) == 1:
        print_lines(*recall_lines(rows[0], published[0]))
        say(counts[0])
    else:
        titles = [f"{data}: {count}" for (data, _), count in zip(parts, counts, strict=True)]
        print_lines(*table_lines(zip(titles, rows, published, strict=True)))
    measured = [one.measured for one in figures if one.measured]
    if any(one.searched for one in measured):
        say(f"{AS_SEARCHED.strip().capitalize()}: less how near a picture is to any request.")
    judged = [
        (name, found)
        for one in figures
        if one.measured
        for name, found in zip((one.model, AS_SEARCHED), one.measured.judged, strict=False)
    ]
    if judged:
        print_lines("", *judged_lines(judged))
        queries = (judged[0][1][way]["queries"] for way in DIRECTIONS)
        say("Every right answer counts; {} captions and {} images are asked with.".format(*queries))
    if any(published):
        say("The other rows are published figures, on the test split.")


def print_lines(*lines: str) -> None:
    """Print a table's lines as they are."""
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)
