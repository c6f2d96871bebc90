"""Pixels of any mode and number as small upright RGB.

A picture is shrunk strip by strip, so that a change of mode never costs a second picture of full
size.
"""

import math
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image

__all__ = ["KEPT_PIXELS", "TURNED_ASIDE", "kept_size", "orientation", "to_rgb"]

KEPT_PIXELS = 1536 * 1536
"""Larger pictures are shrunk to this many pixels: the towers look at a few hundred a side."""

_STRIP_PIXELS = 1_000_000

# Measurements of more than 8 bits are scaled so that the first of these that holds the largest
# value becomes white: cameras and microscopes write 10, 12 or 14 bits into 16.
_WHITE_POINTS = (255, 1023, 4095, 16383, 65535)
_WIDE_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
TURNED_ASIDE = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a picture of any mode as upright RGB of at most about ``KEPT_PIXELS`` pixels.

    Transparency is laid on white. The picture given stays as it is.
    """
    image.load()
    small = _shrink(image)
    turn = _UPRIGHT.get(orientation(image))
    if turn is not None:
        small = small.transpose(turn)
    # Already turned, and nobody reads it: EXIF would have the next reader turn it again.
    small.info.clear()
    return small


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, upright, where EXIF is missing or broken."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a broken EXIF block does not make the picture bad
        return 1


def kept_size(size: tuple[int, int], pixels: int = KEPT_PIXELS) -> tuple[int, int]:
    """Return the size, or a smaller one of the same shape and so many pixels."""
    scale = math.sqrt(pixels / (size[0] * size[1]))
    if scale >= 1:
        return size
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _shrink(image: Image.Image) -> Image.Image:
    """Return a decoded picture as RGB; a large one averaged by a whole factor, then resized."""
    width, height = image.size
    kept = kept_size(image.size)
    across, down = max(1, width // kept[0]), max(1, height // kept[1])
    rows = down * max(1, _STRIP_PIXELS // (width * down))
    span = _grey_span(image, rows) if image.mode in _WIDE_MODES else None
    small = Image.new("RGB", (math.ceil(width / across), math.ceil(height / down)))
    for top, strip in _strips(image, rows):
        small.paste(_flatten(strip, span).reduce((across, down)), (0, top // down))
    return small if small.size == kept else small.resize(kept, Image.Resampling.BICUBIC)


def _strips(image: Image.Image, rows: int) -> Iterator[tuple[int, Image.Image]]:
    """Yield (top, part) of a picture from top to bottom, ``rows`` pixels high."""
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _flatten(image: Image.Image, span: tuple[float, float] | None) -> Image.Image:
    """Return RGB of any mode; ``span`` is what ``_grey_span`` says of the whole picture."""
    if span is not None:
        black, white = span
        values = np.nan_to_num(np.asarray(image, dtype=np.float64), nan=black)
        grey = np.clip((values - black) / (white - black) * 255, 0, 255)
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def _grey_span(image: Image.Image, rows: int) -> tuple[float, float]:
    """Return which values of a grey picture of more than 8 bits are black and white.

    Whole numbers from 0 on use a number of bits; fractions between 0 and 1 are shares of white;
    anything else (heights, temperatures) goes from its least value to its largest.
    """
    low, high = math.inf, -math.inf
    for _, strip in _strips(image, rows):
        values = np.asarray(strip)
        finite = values[np.isfinite(values)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low >= 0:
        for white in (1,) if image.mode == "F" else _WHITE_POINTS:
            if high <= white:
                return 0.0, float(white)
    return (low, high) if low < high else (0.0, 1.0)
