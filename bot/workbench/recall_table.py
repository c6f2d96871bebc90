"""Recall as the literature prints it: one model a row, text to image first, then image to text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from embedding.evaluation.intervals import Intervals
    from embedding.evaluation.positives import Judged
    from embedding.evaluation.published import Published
    from embedding.evaluation.recall import Metrics

__all__ = [
    "AS_SEARCHED",
    "DIRECTIONS",
    "FIGURES",
    "Rows",
    "fold_lines",
    "judged_lines",
    "recall_lines",
    "table_lines",
]

Rows = Sequence[tuple[str, "Metrics"]]
"""A name and the figures of each line of a table."""

DIRECTIONS: tuple[Literal["text_to_image", "image_to_text"], ...] = (
    "text_to_image",
    "image_to_text",
)
FIGURES: tuple[Literal["r1", "r5", "r10", "median_rank"], ...] = ("r1", "r5", "r10", "median_rank")
AS_SEARCHED = "  as searched"
"""What the row is called, below a model's own, that ranks pictures as the search does."""

_ENDS = ("  95 % interval from", "to".rjust(20))
_NAME = 32
_CELL = 6


def recall_lines(rows: Rows, published: Sequence[Published] = ()) -> Iterator[str]:
    """Yield the lines of a table 80 characters wide.

    Args:
        rows: of our models; where there are intervals, two lines below give their lower and upper
            ends.
        published: rows to lay beside them.
    """
    yield from _head()
    yield from _body(rows, published)


def table_lines(parts: Iterable[tuple[str, Rows, Sequence[Published]]]) -> Iterator[str]:
    """Yield the lines of a table over several data sets.

    Args:
        parts: of each data set a title, our rows, and rows to lay beside them.
    """
    yield from _head()
    for title, rows, published in parts:
        yield title
        yield from _body(rows, published)


def _body(rows: Rows, published: Sequence[Published]) -> Iterator[str]:
    for name, metrics in rows:
        yield _line(name, [metrics[d][f] for d in DIRECTIONS for f in FIGURES])
        if "intervals" in metrics:
            lows, highs = _ends(metrics["intervals"])
            yield from (_line(*end) for end in zip(_ENDS, (lows, highs), strict=True))
    for row in published:
        yield _line(row.model, [*row.text_to_image, *row.image_to_text])


def judged_lines(rows: Sequence[tuple[str, Judged]]) -> Iterator[str]:
    """Yield the lines of a table of what is found where several answers are right."""
    names: tuple[Literal["r1", "r_precision", "map_at_r"], ...] = ("r1", "r_precision", "map_at_r")
    yield from _head(("R@1", "R-P", "mAP@R"))
    for name, judged in rows:
        yield _line(name, [judged[d][f] for d in DIRECTIONS for f in names], median=None)
        for end, label in enumerate(_ENDS):
            values = [judged[d]["intervals"][f][end] for d in DIRECTIONS for f in names]
            yield _line(label, values, median=None)


def fold_lines(folds: Sequence[Metrics]) -> Iterator[str]:
    """Yield the lines of a table of folds, their mean and their standard deviation."""
    from embedding.evaluation.recall import mean_and_deviation

    yield from _head()
    for number, fold in enumerate(folds, start=1):
        name = f"fold {number} of {len(folds)}"
        yield _line(name, [fold[d][f] for d in DIRECTIONS for f in FIGURES])
    for name, summary in zip(("mean", "± sd"), mean_and_deviation(folds), strict=True):
        yield _line(name, [summary[d][f] for d in DIRECTIONS for f in FIGURES])


def _head(titles: Sequence[str] = ("R@1", "R@5", "R@10", "med")) -> Iterator[str]:
    yield " " * _NAME + "".join(
        title.center(len(titles) * _CELL) for title in ("text → image", "image → text")
    )
    yield " " * _NAME + "".join(f"{title:>{_CELL}}" for title in [*titles] * 2)


def _line(name: str, values: Sequence[float | None], *, median: int | None = 3) -> str:
    cells = [
        "-" if value is None else f"{value:g}" if number % 4 == median else f"{value:.1f}"
        for number, value in enumerate([*values])
    ]
    return _fitted(name) + "".join(f"{cell:>{_CELL}}" for cell in cells)


def _fitted(name: str) -> str:
    """Return a name as wide as its column; of a long path the end says most."""
    return name.ljust(_NAME) if len(name) <= _NAME else "…" + name[1 - _NAME :]


def _ends(intervals: Intervals) -> tuple[list[float], list[float]]:
    both = [intervals[d][f] for d in DIRECTIONS for f in FIGURES]
    return [low for low, _ in both], [high for _, high in both]
