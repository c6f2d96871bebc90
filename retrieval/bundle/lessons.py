"""What a model can learn of a gallery: its captions, and what people put right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedding.adaptation.gain import Lessons
from embedding.data.pairs import Skipped
from retrieval.bundle.bundle import Bundle
from retrieval.errors import RetrievalError
from retrieval.store.protocol import Picture, Store

__all__ = ["LEAST_PICTURES", "Material", "gather"]

LEAST_PICTURES = 50
"""With fewer pictures that have captions nothing can be told from a fifth of them."""


@dataclass(frozen=True, eq=False)
class Material:
    """What a gallery teaches.

    Attributes:
        pictures: all of them, in the order of the lessons' vectors.
        captions: the texts of the lessons.
        lessons: their vectors.
        skipped: corrections that name no picture here.
    """

    pictures: Sequence[Picture]
    captions: list[str]
    lessons: Lessons
    skipped: list[Skipped]


def gather(bundle: Bundle, corrections: Mapping[str, Sequence[str]]) -> Material:
    """Return what there is to learn from a bundle, its texts encoded as its model does now.

    Args:
        bundle: the gallery.
        corrections: more captions by picture: its path below the gallery's folder, or a whole one.

    Raises:
        RetrievalError: fewer than `LEAST_PICTURES` pictures have captions.
    """
    store = bundle.store
    rows = store.first(len(store))
    pictures = store.pictures(rows)
    added, skipped = _by_path(store, pictures, corrections)
    captions: list[str] = []
    owners: list[int] = []
    for place, picture in enumerate(pictures):
        texts = dict.fromkeys([*picture.captions, *added.get(picture.path, ())])
        captions += texts
        owners += [place] * len(texts)
    if len({*owners}) < LEAST_PICTURES:
        raise RetrievalError(
            f"{len({*owners})} pictures have captions; {LEAST_PICTURES} are needed to learn from"
        )
    lessons = Lessons(
        bundle.encoder.encode_text(captions), np.array(owners, np.int64), store.vectors(rows)
    )
    return Material(pictures, captions, lessons, skipped)


def _by_path(
    store: Store, pictures: Sequence[Picture], corrections: Mapping[str, Sequence[str]]
) -> tuple[dict[str, list[str]], list[Skipped]]:
    """Return corrections by the paths that the gallery has, and those that name none of them."""
    known = {picture.path for picture in pictures}
    added: dict[str, list[str]] = {}
    skipped: list[Skipped] = []
    for name, texts in corrections.items():
        path = Path(name)
        inside = path.is_absolute() and path.is_relative_to(str(store.root))
        below = path.relative_to(str(store.root)).as_posix() if inside else path.as_posix()
        if below in known:
            added.setdefault(below, []).extend(texts)
        else:
            skipped.append(Skipped(name, "no picture of the gallery has this path"))
    return added, skipped
