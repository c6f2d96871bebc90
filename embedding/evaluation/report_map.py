"""The map of the space: pictures and captions in one plane, and small pictures to draw it with."""

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from embedding.data.decode import ImageError, open_image
from embedding.data.pairs import Pairs
from embedding.model.vectors import Vectors

__all__ = ["Plane", "Sprite", "centred", "lay_out", "make_plane", "make_sprite"]

_SIDE = 144
"""Side of a small picture, in pixels."""
_FEWEST = 60
"""With fewer points neighbourhoods mean little, and principal components draw the map."""


@dataclass(frozen=True, eq=False)
class Plane:
    """Where pictures and captions lie, and how that was found.

    Attributes:
        images: (n, 2) places of the images in the unit square.
        texts: (m, 2) places of the captions.
        method: ``t-SNE`` or ``PCA``.
        gap: distance between the centres of the two modalities, before they were moved together.
    """

    images: NDArray[np.float64]
    texts: NDArray[np.float64]
    method: str
    gap: float


@dataclass(frozen=True)
class Sprite:
    """Many small pictures in one.

    Attributes:
        address: a data URI; empty without pictures.
        columns: cells in a row.
        rows: rows of cells.
        side: width and height of a cell, in pixels.
        cells: the cell of each image index that could be drawn.
    """

    address: str
    columns: int
    rows: int
    side: int
    cells: dict[int, int]


def make_plane(texts: Vectors, images: Vectors, *, seed: int = 0) -> Plane:
    """Return both modalities in one plane, each centred on itself.

    In a trained space all captions lie in one narrow cone and all images in another, so a plain
    projection draws two clouds that never meet, whatever the model knows. Retrieval only compares
    captions with images, which moving a whole cloud hardly changes: each modality is moved to its
    own mean, brought back to unit length, and then drawn by t-SNE, which keeps neighbours.

    Args:
        texts: (m, d) unit vectors of captions.
        images: (n, d) unit vectors of images.
        seed: decides where t-SNE's noise starts.

    Source: Liang et al. (2022), "Mind the gap"; van der Maaten, Hinton (2008), "Visualizing data
    using t-SNE".
    """
    gap = float(np.linalg.norm(texts.mean(axis=0) - images.mean(axis=0)))
    both = np.concatenate([centred(images), centred(texts)])
    flat, method = lay_out(both, seed=seed)
    return Plane(flat[: len(images)], flat[len(images) :], method, gap)


def lay_out(vectors: Vectors, *, seed: int = 0) -> tuple[NDArray[np.float64], str]:
    """Return places (n, 2) of vectors (n, d) in the unit square, and how they were found."""
    components = min(50, *vectors.shape)
    reduced = PCA(components, random_state=seed).fit_transform(vectors)
    method = "t-SNE" if len(vectors) >= _FEWEST else "PCA"
    if method == "t-SNE":
        # A start along the principal components keeps the large-scale order of the space.
        reduced = TSNE(
            perplexity=min(30.0, len(vectors) / 5), init="pca", random_state=seed
        ).fit_transform(reduced)
    flat = np.zeros((len(vectors), 2))
    flat[:, : min(2, reduced.shape[1])] = reduced[:, :2]
    low, high = flat.min(axis=0), flat.max(axis=0)
    return (flat - low) / np.maximum(high - low, 1e-9), method


def make_sprite(pairs: Pairs, images: Sequence[int]) -> Sprite:
    """Return the middle squares of some images, those that cannot be read left out."""
    squares: list[Image.Image] = []
    cells: dict[int, int] = {}
    paths = pairs.image_paths or []
    for index in images if paths else ():
        try:
            picture = open_image(paths[index])
        except (ImageError, OSError):
            continue
        cells[index] = len(squares)
        squares.append(ImageOps.fit(picture, (_SIDE, _SIDE), Image.Resampling.LANCZOS))
    if not squares:
        return Sprite("", 1, 1, _SIDE, {})
    columns = math.ceil(math.sqrt(len(squares)))
    rows = math.ceil(len(squares) / columns)
    sheet = Image.new("RGB", (columns * _SIDE, rows * _SIDE))
    for cell, square in enumerate(squares):
        sheet.paste(square, (cell % columns * _SIDE, cell // columns * _SIDE))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=78, optimize=True)
    address = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
    return Sprite(address, columns, rows, _SIDE, cells)


def centred(vectors: Vectors) -> NDArray[np.float32]:
    """Return unit vectors (n, d) as seen from their middle, of unit length again."""
    moved = vectors - vectors.mean(axis=0)
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    unit: NDArray[np.float32] = moved / np.maximum(lengths, 1e-9)
    return unit
