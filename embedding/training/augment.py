"""Random views of pictures, so that an image tower never sees quite the same one twice."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from embedding.training.pictures import Pixels

__all__ = ["ROOM", "cut_views", "draw_views"]

ROOM = 1.15
"""Pictures are kept larger than the tower's input by this, so that a crop of them is sharp."""
_AREA = (0.6, 1.0)
_ASPECT = (3 / 4, 4 / 3)


def draw_views(n: int, random: np.random.Generator, *, mirrored: bool) -> NDArray[np.float64]:
    """Return (n, 5) random crops: left, top, width, height as shares of the side, mirrored or not.

    A crop covers 60 to 100 per cent of the picture, at 3:4 to 4:3 of its proportions.

    Source: the random resized crop of Szegedy et al. (2015), milder.
    """
    area = random.uniform(*_AREA, n)
    aspect = np.exp(random.uniform(math.log(_ASPECT[0]), math.log(_ASPECT[1]), n))
    width = np.minimum(np.sqrt(area * aspect), 1.0)
    height = np.minimum(np.sqrt(area / aspect), 1.0)
    left, top = random.random((2, n)) * (1 - np.stack([width, height]))
    flipped = random.random(n) < (0.5 if mirrored else 0.0)
    return np.stack([left, top, width, height, flipped], axis=1)


def cut_views(squares: Pixels, views: NDArray[np.float64], side: int) -> Pixels:
    """Return (n, side, side, 3): the crop of each picture, resized.

    Args:
        squares: (n, stored, stored, 3).
        views: (n, 5), as ``draw_views`` makes them.
        side: of the result, in pixels.
    """
    cut = np.empty((len(squares), side, side, 3), dtype=np.uint8)
    stored = squares.shape[1]
    for i, (left, top, width, height, flipped) in enumerate(views):
        box = (left * stored, top * stored, (left + width) * stored, (top + height) * stored)
        # A quarter of the time that torch's affine grid takes, and it averages where it shrinks.
        image = Image.fromarray(squares[i]).resize((side, side), Image.Resampling.BILINEAR, box)
        cut[i] = np.asarray(image)[:, ::-1] if flipped else np.asarray(image)
    return cut
