"""Smaller copies of the gallery's pictures, made when they are first asked for."""

from __future__ import annotations

import io
import logging
from pathlib import Path

from PIL import Image

from embedding.data.decode import open_image
from retrieval.store.files import atomic_path

logger = logging.getLogger(__name__)

SIZES = (160, 320, 640)
"""Longest sides of thumbnails, in pixels; a free choice would let anybody fill the disk."""

QUALITY = 85


class Thumbnails:
    """Smaller copies on disk, one file for each picture (by content) and size.

    Args:
        folder: where they are kept; made when the first one is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, source: Path, sha256: str, size: int) -> Path | bytes:
        """Return the file of a thumbnail, made now if it is not there yet.

        Where it cannot be kept, on a disk that is full or read-only, its bytes are returned.

        Args:
            source: the picture's file.
            sha256: hash of its bytes.
            size: longest side, in pixels; a smaller picture is not enlarged.

        Raises:
            ImageError: the file is no picture any more.
        """
        target = self._folder / sha256[:2] / f"{sha256}-{size}.webp"
        if target.is_file() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            return target
        picture = open_image(source)
        picture.thumbnail((size, size), Image.Resampling.LANCZOS)
        memory = io.BytesIO()
        picture.save(memory, "WEBP", quality=QUALITY)
        content = memory.getvalue()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(target) as temporary:  # another worker never reads half a file
                temporary.write_bytes(content)
        except OSError as error:
            logger.warning("a thumbnail cannot be kept: %s", error)
            return content
        return target
