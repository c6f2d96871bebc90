"""Opening a picture that came from outside, whatever it is, as upright RGB.

Nothing is decoded before the number of pixels is known to be acceptable, and Pillow's own
errors, of which there are many kinds, are turned into three.
"""

import io
import os
import struct
import zlib
from typing import BinaryIO, Protocol, runtime_checkable

from PIL import Image, ImageOps, UnidentifiedImageError

from embedding.errors import EmbeddingError

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "ImageError",
    "ImageFile",
    "ImageTooLarge",
    "NotAnImage",
    "TruncatedImage",
    "open_image",
    "to_rgb",
]

MAX_PIXELS = 50_000_000
"""Largest accepted width x height, in pixels."""

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")

# What Pillow's decoders raise on damaged files, found by feeding them such files.
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


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
    """The bytes are no picture in a format that Pillow reads."""


class ImageTooLarge(ImageError):
    """The picture has more pixels than allowed; it was not decoded."""


class TruncatedImage(ImageError):
    """The picture starts well, but its data are incomplete or damaged."""


def open_image(
    source: ImageFile | bytes | BinaryIO, *, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Return a picture as upright RGB, fully decoded.

    EXIF rotation is applied, transparency is laid on white, CMYK and palettes are converted, and
    of an animation the first frame is taken.

    Args:
        source: a file, its bytes, or an open binary file.
        max_pixels: largest accepted width x height, checked before anything is decoded.

    Raises:
        NotAnImage: the bytes are no picture.
        ImageTooLarge: more than ``max_pixels`` pixels.
        TruncatedImage: the data end too early or are damaged.
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
        image = _open_lazily(data)
    except UnidentifiedImageError:
        raise NotAnImage(
            f"{name} is not a picture that can be read ({len(data)} bytes); "
            "use JPEG, PNG, WebP, GIF, BMP or TIFF"
        ) from None
    except _DECODER_ERRORS as error:
        raise TruncatedImage(_damaged(name, len(data))) from error
    with image:
        width, height = image.size
        if width * height > max_pixels:
            raise ImageTooLarge(
                f"{name} has {width} x {height} pixels, more than the {max_pixels:,} allowed; "
                "make it smaller"
            )
        try:
            image.load()
            return to_rgb(image)
        except _DECODER_ERRORS as error:
            raise TruncatedImage(_damaged(name, len(data))) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a decoded picture of any mode as upright RGB, transparency laid on white."""
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    if upright.mode.startswith("I;16") or upright.mode == "I":
        # 16-bit grey: convert("RGB") would clip every value above 255 to white.
        return upright.convert("F").point(lambda value: value / 257.0).convert("L").convert("RGB")
    return upright.convert("RGB")


def _open_lazily(data: bytes) -> Image.Image:
    """Read a picture's header only.

    Pillow compares the size with its own global limit here, about 89 megapixels; it warns, or
    raises where warnings are errors, and at twice the limit always raises.
    """
    try:
        return Image.open(io.BytesIO(data))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(f"the picture is far too large: {error}; make it smaller") from None


def _damaged(name: str, size: int) -> str:
    return f"{name} is truncated or damaged ({size} bytes); send the whole file again"
