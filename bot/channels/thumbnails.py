"""Smaller copies of the gallery's pictures, made when they are first asked for."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from PIL import Image

from embedding.data.decode import open_image

SIZES = (160, 320, 640)
"""Longest sides of thumbnails, in pixels; a free choice would let anybody fill the disk."""

QUALITY = 85


class Thumbnails:
    """Smaller copies on disk, one file for each picture (by content) and size.

    Args:
        folder: Where they are kept; made when the first one is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, source: Path, sha256: str, size: int) -> Path:
        """Return the file of a thumbnail, made now if it is not there yet.

        Args:
            source: The picture's file.
            sha256: Hash of its bytes.
            size: Longest side, in pixels; a smaller picture is not enlarged.

        Raises:
            ImageError: The file is no picture any more.
        """
        target = self._folder / sha256[:2] / f"{sha256}-{size}.webp"
        if target.is_file() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            return target
        picture = open_image(source)
        picture.thumbnail((size, size), Image.Resampling.LANCZOS)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and renamed: another worker never reads half a file.
        handle, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                picture.save(file, "WEBP", quality=QUALITY)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return target
