"""The map of a gallery's space before and after `showtell adapt`, as points alone.

    python -m benchmarks.adapted_map BUNDLES --version 0001-… --out docs/adapted.svg

A blue dot for each picture, an orange one for each caption, and a line between the two: the
shorter, the better a caption finds its picture. After adapting, each caption lies where the
captions of the other four fifths of the pictures lead it; its own taught nothing.
"""

import argparse
from pathlib import Path

import numpy as np

from embedding.adaptation.text_map import learn_map
from embedding.data.folds import folds
from embedding.evaluation.report_map import Plane, make_plane
from retrieval.bundle.bundle import Bundle
from retrieval.bundle.lessons import gather

SIDE, GAP, TOP = 420, 24, 26


def panel(plane: Plane, owners: np.ndarray, left: int, title: str) -> str:
    """Return one map as a group of SVG."""
    images, texts = (
        np.round(part * (SIDE - 8) + 4).astype(int) for part in (plane.images, plane.texts)
    )
    lines = "".join(
        f"M{x} {y}L{images[i][0]} {images[i][1]}" for (x, y), i in zip(texts, owners, strict=True)
    )
    # A line of no length with a round end is a dot: a path is half the size of as many circles.
    dots = "".join(f"M{x} {y}h0" for x, y in images)
    captions = "".join(f"M{x} {y}h0" for x, y in texts)
    return (
        f'<g transform="translate({left} {TOP})"><rect width="{SIDE}" height="{SIDE}"/>'
        f'<text y="-8">{title}</text><path class="line" d="{lines}"/>'
        f'<path class="picture" d="{dots}"/><path class="caption" d="{captions}"/></g>'
    )


def draw(planes: list[tuple[str, Plane]], owners: np.ndarray) -> str:
    """Return the maps beside each other, readable on a light and on a dark page."""
    width, height = 2 * SIDE + GAP, SIDE + TOP + 24
    parts = [panel(plane, owners, i * (SIDE + GAP), t) for i, (t, plane) in enumerate(planes)]
    legend = (
        f'<g transform="translate(0 {height - 8})"><path class="picture" d="M6 -4h0"/>'
        '<text x="14">a picture</text><path class="caption" d="M92 -4h0"/>'
        '<text x="100">its caption, not learned from</text></g>'
    )
    style = (
        "text{font:13px sans-serif;fill:#808080}rect{fill:none;stroke:#80808060}"
        "path{fill:none;stroke-linecap:round}.line{stroke:#80808040;stroke-width:.6}"
        ".picture{stroke:#2f7fd1;stroke-width:4}.caption{stroke:#e0782b;stroke-width:3.2}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{'; '.join(title for title, _ in planes)}</title><style>{style}</style>"
        f"{''.join(parts)}{legend}</svg>\n"
    )


def main() -> None:
    """Read the arguments, draw, and print the lengths of the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path)
    parser.add_argument("--version", help="of the gallery as it was; the live one by default")
    parser.add_argument("--out", type=Path, default=Path("adapted.svg"))
    arguments = parser.parse_args()
    with Bundle.open(arguments.bundles, arguments.version) as bundle:
        lessons = gather(bundle, {}).lessons
    captioned, place = np.unique(lessons.owners, return_inverse=True)
    mapped = np.empty_like(lessons.texts)
    for learned, held_out in folds(len(captioned), 5):
        rows, others = (np.flatnonzero(np.isin(place, part)) for part in (held_out, learned))
        text_map = learn_map(lessons.texts[others], lessons.owners[others], lessons.pictures)
        mapped[rows] = text_map.apply(lessons.texts[rows])
    planes = [
        (title, make_plane(texts, lessons.pictures))
        for title, texts in (("as the model is", lessons.texts), ("adapted", mapped))
    ]
    for title, plane in planes:
        distance = np.linalg.norm(plane.texts - plane.images[lessons.owners], axis=1)
        print(f"{title}: median length of a line {np.median(distance):.3f} of the map's side")
    arguments.out.write_text(draw(planes, lessons.owners), encoding="utf-8")


if __name__ == "__main__":
    main()
