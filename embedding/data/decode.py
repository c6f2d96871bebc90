"""Opening a picture that came from outside, whatever it is, as small upright RGB.

This is the one place that hands foreign bytes to Pillow. Only the formats named here are tried:
others start programs (Ghostscript) or hold pictures inside pictures. The number of pixels is
checked before anything is decoded. What was decoded is shrunk strip by strip, so that a change of
mode never costs a second picture of full size. Whatever Pillow raises becomes a refusal.
"""

import functools
import importlib
import importlib.util
import io
import math
import os
import threading
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from embedding.errors import EmbeddingError

__all__ = [
    "HAS_HEIC",
    "IMAGE_SUFFIXES",
    "KEPT_PIXELS",
    "MAX_PIXELS",
    "Decoded",
    "ImageError",
    "ImageFile",
    "ImageTooLarge",
    "NotAnImage",
    "TruncatedImage",
    "camera_dates",
    "decode_image",
    "open_image",
    "to_rgb",
]

MAX_PIXELS = 250_000_000
"""Largest accepted width x height, in pixels: 1 GB once decoded. Uploads have a lower limit."""

KEPT_PIXELS = 1536 * 1536
"""Larger pictures are shrunk to this many pixels: the towers look at a few hundred a side."""

HAS_HEIC = importlib.util.find_spec("pillow_heif") is not None
"""Whether the extra `heic` is installed."""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"),
    *((".heic", ".heif") if HAS_HEIC else ()),
)

# Pictures of more pixels than this are decoded two at a time, however many threads ask: memory is
# bounded by two such pictures, not by the number of people who upload one.
_BIG_PIXELS = 16_000_000
_BIG_DECODES = threading.BoundedSemaphore(2)
# Pillow compares with a limit of its own, for the whole process. It is lifted only while a header
# is read, under this lock.
_PILLOW_LIMIT = threading.Lock()
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
_TURNED_ASIDE = (5, 6, 7, 8)


@runtime_checkable
class ImageFile(Protocol):
    """Where the bytes of a picture lie: a ``Path``, or a place in a larger file."""

    @property
    def name(self) -> str:
        """The name without folders."""

    def read_bytes(self) -> bytes:
        """Return the bytes; raises OSError."""

    def stat(self) -> os.stat_result:
        """Return what the file system knows of them; raises OSError."""

    def absolute(self) -> object:
        """Return what, as a string, names them among all pictures of this machine."""


class ImageError(EmbeddingError):
    """A picture cannot be used."""


class NotAnImage(ImageError):
    """The bytes are no picture in a format that is opened."""


class ImageTooLarge(ImageError):
    """The picture has more pixels than allowed; it was not decoded."""


class TruncatedImage(ImageError):
    """The picture starts well, but its data are incomplete or damaged."""


class Decoded(NamedTuple):
    """A picture, and the size that its file has.

    Attributes:
        image: upright RGB of at most about ``KEPT_PIXELS`` pixels.
        size: (width, height) of the whole picture, upright, in pixels.
    """

    image: Image.Image
    size: tuple[int, int]


def open_image(
    source: ImageFile | bytes | BinaryIO, *, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Return the picture of ``decode_image`` alone."""
    return decode_image(source, max_pixels=max_pixels).image


def decode_image(source: ImageFile | bytes | BinaryIO, *, max_pixels: int = MAX_PIXELS) -> Decoded:
    """Decode a picture.

    EXIF rotation is applied where the EXIF data can be read, transparency is laid on white, CMYK
    and palettes are converted, more than 8 bits are scaled to 8, and of an animation the first
    frame is taken.

    Args:
        source: a file, its bytes, or an open binary file.
        max_pixels: largest accepted width x height, checked before anything is decoded.

    Raises:
        NotAnImage: the bytes are no picture in a format that is opened.
        ImageTooLarge: more than ``max_pixels`` pixels.
        TruncatedImage: the data end too early, are damaged, or are beyond Pillow.
        OSError: the file itself cannot be read (it is missing, or may not be).
    """
    name = "the picture"
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, ImageFile):
        name, data = source.name, source.read_bytes()
    else:
        data = source.read()
    try:
        with _read_header(data) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise ImageTooLarge(
                    f"{name} has {width} x {height} pixels, more than the {max_pixels:,} "
                    "allowed; make it smaller"
                )
            if width * height > _BIG_PIXELS:
                with _BIG_DECODES:
                    return _decode(image)
            return _decode(image)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise NotAnImage(
            f"{name} is not a picture that can be read ({len(data)} bytes); use {_format_names()}"
        ) from None
    except Exception as error:  # Pillow's plugins raise anything
        raise TruncatedImage(
            f"{name} is truncated or damaged ({len(data)} bytes); send the whole file again"
        ) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a picture of any mode as upright RGB of at most about ``KEPT_PIXELS`` pixels.

    Transparency is laid on white. The picture given stays as it is.
    """
    image.load()
    small = _shrink(image)
    turn = _UPRIGHT.get(_orientation(image))
    if turn is not None:
        small = small.transpose(turn)
    # Already turned, and nobody reads it: EXIF would have the next reader turn it again.
    small.info.clear()
    return small


def camera_dates(data: bytes) -> list[str]:
    """Return when the camera took a picture, as its EXIF data say it: the most trusted first.

    Empty where the data hold no such thing, or cannot be read.
    """
    try:
        with _read_header(data) as image:
            details = image.getexif().get_ifd(ExifTags.IFD.Exif)
    except Exception:  # noqa: BLE001 - Pillow's plugins raise anything; the date is a nicety
        return []
    tags = (ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized)
    return [value for tag in tags if isinstance(value := details.get(tag), str)]


def _read_header(data: bytes) -> Image.Image:
    """Open a picture without decoding it."""
    formats = _formats()
    with _PILLOW_LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(data), formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@functools.cache
def _formats() -> tuple[str, ...]:
    if not HAS_HEIC:
        return _FORMATS
    importlib.import_module("pillow_heif").register_heif_opener()
    return (*_FORMATS, "HEIF")


def _format_names() -> str:
    return "JPEG, PNG, WebP, GIF, BMP, TIFF" + (", AVIF or HEIC" if HAS_HEIC else " or AVIF")


def _decode(image: Image.Image) -> Decoded:
    size = image.size
    # JPEG alone can do this: it decodes to 1/2, 1/4 or 1/8 of the size.
    image.draft(None, _kept_size(size))
    image.load()
    if _orientation(image) in _TURNED_ASIDE:
        size = size[::-1]
    return Decoded(to_rgb(image), size)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1, upright, where EXIF is missing or broken."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a broken EXIF block does not make the picture bad
        return 1


def _kept_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the size, or a smaller one of the same shape and ``KEPT_PIXELS`` pixels."""
    scale = math.sqrt(KEPT_PIXELS / (size[0] * size[1]))
    if scale >= 1:
        return size
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _shrink(image: Image.Image) -> Image.Image:
    """Return a decoded picture as RGB; a large one averaged by a whole factor, then resized."""
    width, height = image.size
    kept = _kept_size(image.size)
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
