"""The parts of report.html: figures, tables, curves and misses as markup, everything escaped."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Literal, NamedTuple

from embedding.data.pairs import Pairs
from embedding.evaluation.intervals import RankIntervals
from embedding.evaluation.published import Published
from embedding.evaluation.recall import Direction, Metrics, mean_and_deviation
from embedding.evaluation.report_charts import Series, line_chart
from embedding.evaluation.report_map import Sprite

__all__ = [
    "Miss",
    "curves_section",
    "folds_section",
    "misses_section",
    "recall_section",
    "settings_section",
    "tiles",
]

_Direction = Literal["text_to_image", "image_to_text"]
_Figure = Literal["r1", "r5", "r10", "median_rank"]
_DIRECTIONS: tuple[_Direction, ...] = ("text_to_image", "image_to_text")
_FIGURES: tuple[_Figure, ...] = ("r1", "r5", "r10", "median_rank")
_HEAD = (
    "<thead><tr><th></th><th colspan='4'>text → image</th><th colspan='4'>image → text</th></tr>"
    "<tr><th scope='col'>{first}</th>"
    + "<th scope='col'>R@1</th><th scope='col'>R@5</th><th scope='col'>R@10</th>"
    "<th scope='col'>median rank</th>" * 2 + "</tr></thead>"
)


class Miss(NamedTuple):
    """A caption that did not find its image: its rank, and what was found first (indices)."""

    caption: str
    rank: int
    meant: int
    found: Sequence[int]


def tiles(metrics: Metrics) -> str:
    """Return the figures that are looked at first."""
    asked: list[tuple[str, _Direction, _Figure]] = [
        ("text → image, R@1", "text_to_image", "r1"),
        ("text → image, R@10", "text_to_image", "r10"),
        ("text → image, median rank", "text_to_image", "median_rank"),
        ("image → text, R@1", "image_to_text", "r1"),
        ("image → text, R@10", "image_to_text", "r10"),
    ]
    found = []
    for name, direction, figure in asked:
        below = ""
        if "intervals" in metrics:
            low, high = (_written(figure, end) for end in metrics["intervals"][direction][figure])
            below = f"<small>95 %: {low} to {high}</small>"
        value = _written(figure, metrics[direction][figure])
        unit = "" if figure == "median_rank" else " %"
        found.append(f"<div class='tile card'><dt>{name}</dt><dd>{value}{unit}{below}</dd></div>")
    return "".join(found)


def recall_section(ours: Sequence[tuple[str, Metrics]], published: Sequence[Published]) -> str:
    """Return the recall table, the worst R@1 first, our own rows marked."""
    rows = [(metrics["text_to_image"]["r1"], _our_row(name, metrics)) for name, metrics in ours] + [
        (row.text_to_image.r1, _published_row(row)) for row in published
    ]
    rows.sort(key=lambda row: row[0])
    note = sources = ""
    if published:
        note = (
            "<p class='note'>The other rows are published figures of the test split, by models "
            "that were not pretrained on image-text pairs from the web.</p>"
        )
        items = "".join(f"<li>{escape(row.model)}: {escape(row.source)}</li>" for row in published)
        sources = f"<details><summary>Sources</summary><ul class='sources'>{items}</ul></details>"
    return (
        "<section><h2>Recall</h2>"
        + note
        + _table("model", [markup for _, markup in rows])
        + sources
        + "</section>"
    )


def folds_section(folds: Sequence[Metrics]) -> str:
    """Return the table of folds with mean and deviation; nothing without folds."""
    if len(folds) < 2:
        return ""
    rows = [
        f"<tr><th scope='row'>fold {number}</th>{_cells(fold)}</tr>"
        for number, fold in enumerate(folds, start=1)
    ]
    mean, deviation = mean_and_deviation(folds)
    cells = "".join(
        f"<td>{mean[d][f]:.1f}<small>± {deviation[d][f]:.1f}</small></td>"
        for d in _DIRECTIONS
        for f in _FIGURES
    )
    rows.append(f"<tr class='mean'><th scope='row'>mean ± sd</th>{cells}</tr>")
    return (
        "<section><h2>Folds</h2><p class='note'>Each fold was measured on the images that it held "
        "out; all captions of an image are in one fold.</p>"
        + _table("held out", rows)
        + "</section>"
    )


def curves_section(history: Sequence[Mapping[str, Any]]) -> str:
    """Return the curves of loss and recall over the epochs; nothing without a history."""
    folds = sorted({int(record.get("fold", 0)) for record in history})
    losses = [
        Series("loss", points) for fold in folds if (points := _points(history, fold, "loss"))
    ]
    recalls = [
        Series(f"R@{key[1:]}", points, tone)
        for tone, key in enumerate(("r1", "r5", "r10"))
        for fold in folds
        if (points := _points(history, fold, key))
    ]
    charts = []
    if losses:
        charts.append(_chart("Training loss", line_chart(losses, x_title="epoch")))
    if recalls:
        title = "Recall on held-out images, text → image, in percent"
        charts.append(_chart(title, line_chart(recalls, x_title="epoch", unit=" %")))
    if not charts:
        return ""
    return f"<section><h2>Curves</h2><div class='charts'>{''.join(charts)}</div></section>"


def misses_section(misses: Sequence[Miss], pairs: Pairs, sprite: Sprite) -> str:
    """Return the worst misses with their pictures; a sentence where there are none."""
    if not misses:
        return "<section><h2>Worst misses</h2><p>Every caption found its image first.</p></section>"
    items = "".join(_miss(miss, pairs, sprite) for miss in misses)
    return (
        "<section><h2>Worst misses</h2><p class='note'>Captions whose own picture came last of "
        f"all {len(pairs.image_ids):,}, one a picture, and what the model found first instead."
        f"</p><ul class='misses'>{items}</ul></section>"
    )


def settings_section(settings: Mapping[str, object]) -> str:
    """Return the settings of the training, folded; nothing where they are not known."""
    if not settings:
        return ""
    rows = "".join(
        f"<div><dt>{escape(str(name))}</dt><dd>{escape(str(value))}</dd></div>"
        for name, value in settings.items()
    )
    return f"<details><summary>Settings</summary><dl class='settings card'>{rows}</dl></details>"


def _table(first: str, rows: Sequence[str]) -> str:
    head = _HEAD.format(first=first)
    return f"<div class='card scroll'><table>{head}<tbody>{''.join(rows)}</tbody></table></div>"


def _our_row(name: str, metrics: Metrics) -> str:
    return f"<tr class='ours'><th scope='row'>{escape(name)}</th>{_cells(metrics)}</tr>"


def _published_row(row: Published) -> str:
    cells = "".join(
        _cell(figure, value)
        for side in (row.text_to_image, row.image_to_text)
        for figure, value in zip(_FIGURES, side, strict=True)
    )
    title = escape(row.source, quote=True)
    return f"<tr><th scope='row' title='{title}'>{escape(row.model)}</th>{cells}</tr>"


def _cells(metrics: Metrics) -> str:
    return "".join(
        _direction(metrics[d], metrics["intervals"][d] if "intervals" in metrics else None)
        for d in _DIRECTIONS
    )


def _direction(found: Direction, intervals: RankIntervals | None) -> str:
    return "".join(
        _cell(figure, found[figure], intervals[figure] if intervals else None)
        for figure in _FIGURES
    )


def _cell(figure: _Figure, value: float | None, interval: tuple[float, float] | None = None) -> str:
    if value is None:
        return "<td></td>"
    below = ""
    if interval:
        low, high = (_written(figure, end) for end in interval)
        below = f"<small>{low} to {high}</small>"
    bar = f" class='r1' style='--share:{value:.1f}%'" if figure == "r1" else ""
    return f"<td{bar}>{_written(figure, value)}{below}</td>"


def _written(figure: _Figure, value: float) -> str:
    return f"{value:g}" if figure == "median_rank" else f"{value:.1f}"


def _points(history: Sequence[Mapping[str, Any]], fold: int, key: str) -> list[tuple[float, float]]:
    return [
        (float(record["epoch"]), float(record[key]))
        for record in history
        if int(record.get("fold", 0)) == fold and key in record
    ]


def _chart(title: str, svg: str) -> str:
    return f"<figure class='chart card' style='margin:0'><h3>{title}</h3>{svg}</figure>"


def _miss(miss: Miss, pairs: Pairs, sprite: Sprite) -> str:
    names: dict[int, str] = {}
    for caption, image in zip(pairs.captions, pairs.caption_to_image.tolist(), strict=True):
        if image in (miss.meant, *miss.found):
            names.setdefault(image, caption)
    figures = [_figure("meant", f"meant, rank {miss.rank:,}", miss.meant, names, sprite, pairs)]
    figures.append("<span class='quiet' aria-hidden='true'></span>")
    figures.extend(
        _figure("found", f"found {place}", image, names, sprite, pairs)
        for place, image in enumerate(miss.found, start=1)
    )
    return (
        f"<li class='miss card'><q>{escape(miss.caption)}</q>"
        f"<div class='strip'>{''.join(figures)}</div></li>"
    )


def _figure(
    kind: str, label: str, image: int, names: Mapping[int, str], sprite: Sprite, pairs: Pairs
) -> str:
    said = escape(names.get(image, pairs.image_ids[image]), quote=True)
    cell = sprite.cells.get(image)
    if cell is None:
        shown = f"<code>{escape(pairs.image_ids[image])}</code>"
    else:
        at = " ".join(_position(cell, sprite))
        shown = (
            f"<div class='cell pic' role='img' aria-label='{said}' title='{said}' "
            f"style='background-position:{at}'></div>"
        )
    return f"<figure class='{kind}'><figcaption>{label}</figcaption>{shown}</figure>"


def _position(cell: int, sprite: Sprite) -> Iterator[str]:
    """Yield where a cell lies, as percentages that hold at any size."""
    for at, of in ((cell % sprite.columns, sprite.columns), (cell // sprite.columns, sprite.rows)):
        yield f"{100 * at / (of - 1) if of > 1 else 0:.4f}%"
