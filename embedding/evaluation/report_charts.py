"""Line charts as inline SVG, small enough to be made by hand."""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import NamedTuple

__all__ = ["Series", "line_chart"]

_WIDTH, _HEIGHT = 480, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 52, 10, 30


class Series(NamedTuple):
    """One line: what it is called, its points (x, y), and its tone (0 to 2)."""

    name: str
    points: Sequence[tuple[float, float]]
    tone: int = 0


def line_chart(series: Sequence[Series], *, x_title: str, unit: str = "") -> str:
    """Return an SVG element with the lines over a shared grid that starts at zero.

    Lines of one tone (folds of one figure) share one label, at the end of the first of them.

    Args:
        series: at least one line with at least one point; values at least 0.
        x_title: what the horizontal axis counts, in whole numbers from 1.
        unit: written behind the values.
    """
    last = max(x for line in series for x, _ in line.points)
    ticks = _ticks(max(y for line in series for _, y in line.points))
    first = min(1.0, last - 1)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - first) / (last - first)
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - y / ticks[-1] * (_HEIGHT - _TOP - _BOTTOM),
        )

    parts = [f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_said(series)}">']
    for tick in ticks:
        _, y = place(last, tick)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
    for mark in _whole_ticks(first, last):
        x, _ = place(mark, 0)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{mark:g}</text>')
    parts.append(f'<text x="{_WIDTH - _RIGHT + 12}" y="{_HEIGHT - 12}">{escape(x_title)}</text>')
    labelled: set[int] = set()
    for line in series:
        parts.extend(_line(line, place, unit, label=line.tone not in labelled))
        labelled.add(line.tone)
    return "".join([*parts, "</svg>"])


def _line(
    line: Series, place: Callable[[float, float], tuple[float, float]], unit: str, *, label: bool
) -> Iterator[str]:
    at = [place(x, y) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
    yield f'<g class="tone-{line.tone % 3}"><polyline points="{path}"/>'
    radius = 3.5 if len(at) <= 40 else 1.5
    for (x, y), (step, value) in zip(at, line.points, strict=True):
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}">'
            f"<title>{escape(line.name)}, {step:g}: {value:.4g}{unit}</title></circle>"
        )
    if label:
        x, y = at[-1]
        yield f'<text class="end" x="{x + 9:.1f}" y="{y + 4:.1f}">{escape(line.name)}</text>'
    yield "</g>"


def _said(series: Sequence[Series]) -> str:
    ends = (f"{line.name} ends at {line.points[-1][1]:.4g}" for line in series)
    return escape("; ".join(ends), quote=True)


def _ticks(highest: float) -> list[float]:
    """Return 4 to 7 round numbers from 0 to at least ``highest``."""
    highest = highest if highest > 0 else 1.0
    rough = highest / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * f for f in (1, 2, 2.5, 5, 10) if power * f >= rough * 0.8)
    return [round(step * i, 10) for i in range(math.ceil(highest / step - 1e-9) + 1)]


def _whole_ticks(first: float, last: float) -> list[int]:
    step = max(1, math.ceil((last - first) / 8))
    return [*range(math.ceil(first), int(last) + 1, step)]
