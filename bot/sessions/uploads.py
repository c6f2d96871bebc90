"""An uploaded picture as the session record keeps it: small, as JPEG, in base64."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import BinaryIO

from PIL import Image

from embedding.data.decode import open_image, to_rgb

# Ample for the image towers, which look at 224 to 384 pixels.
_LONGEST_SIDE = 384
# The first that is small enough: three uploads of every sender stay in Redis for weeks.
_QUALITIES = (88, 75, 60, 40, 20)
_MOST_BYTES = 30_000


def shrink_upload(source: bytes | BinaryIO, max_pixels: int) -> tuple[str, str]:
    """Return the key and the stored form of an uploaded file.

    Raises:
        ImageError: it is no picture that can be used.
    """
    keep = (2 * _LONGEST_SIDE) ** 2
    return store_upload(open_image(source, max_pixels=max_pixels, keep_pixels=keep))


def store_upload(image: Image.Image) -> tuple[str, str]:
    """Return the key and the stored form of a picture."""
    small = to_rgb(image)
    small.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=quality)
        data = buffer.getvalue()
        if len(data) <= _MOST_BYTES:
            break
    return hashlib.sha256(data).hexdigest()[:16], base64.b64encode(data).decode("ascii")


def open_upload(stored: str) -> Image.Image:
    """Return the picture of a stored form.

    Raises:
        ImageError: the stored bytes are damaged.
    """
    return open_image(base64.b64decode(stored))
