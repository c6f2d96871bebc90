"""How a picture becomes the square that an image encoder takes."""

from typing import Literal, get_args

from PIL import Image

__all__ = ["FITS", "Fit", "square"]

Fit = Literal["crop", "squash"]
"""Its centre alone, or the whole of it resized."""
FITS: tuple[str, ...] = get_args(Fit)


def square(image: Image.Image, side: int, fit: str) -> Image.Image:
    """Return an RGB picture as a square of ``side`` pixels (see ``FITS``)."""
    width, height = image.size
    if (width, height) == (side, side):
        return image
    if fit == "squash":
        box = (0.0, 0.0, float(width), float(height))
    else:
        shorter = min(width, height)
        left, top = (width - shorter) / 2, (height - shorter) / 2
        box = (left, top, left + shorter, top + shorter)
    return image.resize((side, side), Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
