"""Opening a picture that came from outside, whatever it is, as small upright RGB.

This is the one place that hands foreign bytes to Pillow. Only the formats named here are tried:
others start programs (Ghostscript) or hold pictures inside pictures. The number of pixels is
checked before anything is decoded. Whatever Pillow raises becomes a refusal.
"""

import functools
import importlib
import importlib.util
import io
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from PIL import ExifTags, Image, UnidentifiedImageError

from embedding.data.pixels import KEPT_PIXELS, TURNED_ASIDE, kept_size, orientation, to_rgb
from embedding.errors import EmbeddingError

__all__ = [
    "FORMAT_NAMES",
    "HAS_HEIC",
    "IMAGE_SUFFIXES",
    "KEPT_PIXELS",
    "MAX_BYTES",
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

MAX_BYTES = 1_000_000_000
"""Largest file that is read at all."""

HAS_HEIC = importlib.util.find_spec("pillow_heif") is not None
"""Whether the extra `heic` is installed."""

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
FORMAT_NAMES = (
    *("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "AVIF"),
    *(("HEIC",) if HAS_HEIC else ()),
)
"""What people call the formats that can be read."""

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"),
    *((".heic", ".heif") if HAS_HEIC else ()),
)

# Pictures of more pixels than this are decoded by two threads, however many ask: memory is bounded
# by two such pictures, not by the number of people who upload one. A semaphore would not do: the
# memory allocator keeps what each thread once used, and 24 threads kept 3.3 GB.
_BIG_PIXELS = 16_000_000
_BIG_AT_ONCE = 2
# Pillow compares with a limit of its own, for the whole process. It is lifted only while a header
# is read, under this lock.
_PILLOW_LIMIT = threading.Lock()


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
    source: ImageFile | bytes | BinaryIO,
    *,
    max_pixels: int = MAX_PIXELS,
    keep_pixels: int = KEPT_PIXELS,
) -> Image.Image:
    """Return the picture of ``decode_image`` alone."""
    return decode_image(source, max_pixels=max_pixels, keep_pixels=keep_pixels).image


def decode_image(
    source: ImageFile | bytes | BinaryIO,
    *,
    max_pixels: int = MAX_PIXELS,
    keep_pixels: int = KEPT_PIXELS,
) -> Decoded:
    """Decode a picture.

    EXIF rotation is applied where the EXIF data can be read, transparency is laid on white, CMYK
    and palettes are converted, more than 8 bits are scaled to 8, and of an animation the first
    frame is taken.

    Args:
        source: a file, its bytes, or an open binary file.
        max_pixels: largest accepted width x height, checked before anything is decoded.
        keep_pixels: how many pixels are needed; a JPEG of many more is decoded at a half, a
            quarter or an eighth of its size, which takes a fraction of the time.

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
                return _big_decodes(os.getpid()).submit(_decode, image, keep_pixels).result()
            return _decode(image, keep_pixels)
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
def _big_decodes(_process: int) -> ThreadPoolExecutor:
    """Return this process's threads for big pictures; after a fork, the parent's are not here."""
    return ThreadPoolExecutor(_BIG_AT_ONCE, thread_name_prefix="decode-big-picture")


@functools.cache
def _formats() -> tuple[str, ...]:
    if not HAS_HEIC:
        return _FORMATS
    importlib.import_module("pillow_heif").register_heif_opener()
    return (*_FORMATS, "HEIF")


def _format_names() -> str:
    return f"{', '.join(FORMAT_NAMES[:-1])} or {FORMAT_NAMES[-1]}"


def _decode(image: Image.Image, keep_pixels: int) -> Decoded:
    size = image.size
    # JPEG alone can do this: it decodes to 1/2, 1/4 or 1/8 of the size.
    image.draft(None, kept_size(size, keep_pixels))
    image.load()
    if orientation(image) in TURNED_ASIDE:
        size = size[::-1]
    return Decoded(to_rgb(image), size)
