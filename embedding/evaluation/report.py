"""report.html: one page, with nothing outside it: how good a model is and where it errs."""

import datetime
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from embedding.data.pairs import Pairs
from embedding.evaluation.published import published_rows
from embedding.evaluation.recall import Metrics, text_ranks
from embedding.evaluation.report_map import Sprite, make_plane, make_sprite
from embedding.evaluation.report_parts import (
    Miss,
    curves_section,
    folds_section,
    misses_section,
    recall_section,
    settings_section,
    tiles,
)
from embedding.model.vectors import Vectors

__all__ = ["write_report"]

_MAP_PICTURES = 240
_MAP_CAPTIONS = 5
_MISSES = 12
_FOUND = 3


def write_report(
    path: Path,
    *,
    title: str,
    metrics: Metrics,
    pairs: Pairs,
    text_vectors: Vectors,
    image_vectors: Vectors,
    history: Sequence[Mapping[str, Any]] = (),
    folds: Sequence[Metrics] = (),
    others: Sequence[tuple[str, Metrics]] = (),
    settings: Mapping[str, object] | None = None,
    seed: int = 0,
) -> None:
    """Write the report of a model on a data set.

    Whatever captions and names hold is shown as text, never as markup.

    Args:
        path: where to; its folder is made.
        title: the model's name.
        metrics: its figures on these pairs, with intervals where there are any.
        pairs: images and captions.
        text_vectors: (n_captions, d) unit vectors.
        image_vectors: (n_images, d) unit vectors.
        history: one record an epoch (fold, epoch, loss, and r1, r5, r10 where looked at).
        folds: figures of each fold.
        others: further rows of the recall table, such as the same model with a re-ranker.
        settings: of the training.
        seed: decides which images are on the map.

    Raises:
        OSError: the file cannot be written.
    """
    shown = _sample(pairs, seed)
    ranks = text_ranks(text_vectors, image_vectors, pairs.caption_to_image)
    misses = _worst(pairs, ranks, text_vectors, image_vectors)
    wanted = [*shown, *(i for miss in misses for i in (miss.meant, *miss.found))]
    sprite = make_sprite(pairs, list(dict.fromkeys(wanted)))
    space, note = _space(pairs, shown, ranks, text_vectors, image_vectors, sprite)
    count = f"{metrics['images']:,} images, {metrics['captions']:,} captions"
    published = published_rows(pairs.name)
    parts = {
        "title": escape(title),
        "subtitle": f"{escape(pairs.name)} · {count}",
        "tiles": tiles(metrics),
        "map_note": note,
        "sprite": sprite.address,
        "sprite_size": f"{100 * sprite.columns}% {100 * sprite.rows}%",
        "recall": recall_section([(title, metrics), *others], published),
        "folds": folds_section(folds),
        "curves": curves_section(history),
        "misses": misses_section(misses, pairs, sprite),
        "settings": settings_section(settings or {}),
        "footer": f"Written {datetime.datetime.now(datetime.UTC):%Y-%m-%d}. "
        f"{escape(pairs.attribution)}".strip(),
        "space": space,
    }
    template = (
        files("embedding.evaluation").joinpath("report_page.html").read_text(encoding="utf-8")
    )
    # One pass, so that braces in a caption stay what they are.
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _sample(pairs: Pairs, seed: int) -> list[int]:
    """Return images that have captions, at most as many as the map takes."""
    named = np.unique(pairs.caption_to_image)
    order = np.random.default_rng(seed).permutation(named)[:_MAP_PICTURES]
    return [int(i) for i in order]


def _worst(pairs: Pairs, ranks: np.ndarray, texts: Vectors, images: Vectors) -> list[Miss]:
    """Return the captions whose own image was ranked last, one an image."""
    misses: dict[int, Miss] = {}
    for caption in np.argsort(-ranks, kind="stable"):
        owner = int(pairs.caption_to_image[caption])
        if ranks[caption] == 1 or len(misses) == _MISSES:
            break
        if owner not in misses:
            best = np.argsort(-(images @ texts[caption]), kind="stable")[: _FOUND + 1]
            found = [int(i) for i in best if i != owner][:_FOUND]
            misses[owner] = Miss(pairs.captions[caption], int(ranks[caption]), owner, found)
    return list(misses.values())


def _space(
    pairs: Pairs,
    shown: Sequence[int],
    ranks: np.ndarray,
    texts: Vectors,
    images: Vectors,
    sprite: Sprite,
) -> tuple[str, str]:
    """Return the map's data as JSON that is safe inside a page, and the sentence about it."""
    place = {image: position for position, image in enumerate(shown)}
    taken: dict[int, int] = {}
    captions: list[int] = []
    for row, image in enumerate(pairs.caption_to_image.tolist()):
        if image in place and taken.setdefault(image, 0) < _MAP_CAPTIONS:
            taken[image] += 1
            captions.append(row)
    plane = make_plane(texts[captions], images[list(shown)])
    data = {
        "sprite": {"columns": sprite.columns, "rows": sprite.rows, "side": sprite.side},
        "pictures": [
            {
                "x": round(float(x), 4),
                "y": round(float(y), 4),
                "cell": sprite.cells.get(image),
                "name": pairs.image_ids[image],
            }
            for image, (x, y) in zip(shown, plane.images, strict=True)
        ],
        "captions": [
            {
                "x": round(float(x), 4),
                "y": round(float(y), 4),
                "picture": place[int(pairs.caption_to_image[row])],
                "text": pairs.captions[row],
                "rank": int(ranks[row]),
            }
            for row, (x, y) in zip(captions, plane.texts, strict=True)
        ],
    }
    pictures = "" if sprite.cells else " These data hold image features and no pictures: squares."
    part = "all" if len(shown) == len(pairs.image_ids) else "a random sample of"
    note = (
        f"Every caption and every picture is one point of the same space; here are {part} "
        f"{len(shown):,} pictures with {len(captions):,} captions.{pictures} Point at one to see "
        "what belongs together; the rank says at which place the caption finds its picture. "
        f"Captions and pictures form two separate clouds in the space itself, {plane.gap:.2f} "
        "apart, so each cloud was moved to its own centre before the plane was drawn "
        f"({plane.method}, which keeps neighbours near each other, not distances)."
    )
    if plane.method == "PCA":
        note = note.replace("which keeps neighbours near each other, not distances", "two axes")
    # "<" and ">" would end the script element, or open a comment in it.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"), note
