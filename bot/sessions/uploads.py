"""An uploaded picture as the session record keeps it: small, as JPEG, in base64."""

from __future__ import annotations

import base64
import hashlib
import io

from PIL import Image

from embedding.data.decode import open_image, to_rgb

# Ample for the image towers, which look at 224 to 384 pixels.
_LONGEST_SIDE = 384
_QUALITY = 88


def store_upload(image: Image.Image) -> tuple[str, str]:
    """Return the key and the stored form of a picture."""
    small = to_rgb(image)
    small.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=_QUALITY)
    data = buffer.getvalue()
    return hashlib.sha256(data).hexdigest()[:16], base64.b64encode(data).decode("ascii")


def open_upload(stored: str) -> Image.Image:
    """Return the picture of a stored form.

    Raises:
        ImageError: the stored bytes are damaged.
    """
    return open_image(base64.b64decode(stored))
