"""Smaller copies of the gallery's pictures, made when they are first asked for."""

from __future__ import annotations

import asyncio
import io
import logging
from pathlib import Path

from PIL import Image

from bot.live.file_cache import FileCache
from bot.live.originals import Originals
from bot.live.threads import Threads
from embedding.data.decode import open_image
from embedding.data.remote import RemoteFile

logger = logging.getLogger(__name__)

SIZES = (160, 320, 640)
"""Longest sides of thumbnails, in pixels; a free choice would let anybody fill the disk."""

QUALITY = 85
# A picture is decoded to about twice the side of its thumbnail, and reduced by a good filter.
_DECODED_SQUARES = 3


class Thumbnails:
    """Smaller copies on disk, one file for each picture (by content) and size.

    Args:
        folder: where they are kept; made when the first one is.
        threads: where they are made.
        most_bytes: what the folder may hold; the oldest go first.
        originals: brings pictures here that lie elsewhere.
    """

    def __init__(
        self, folder: Path, threads: Threads, most_bytes: int, originals: Originals
    ) -> None:
        self._cache = FileCache(folder, threads, most_bytes)
        self._originals = originals

    async def get(self, source: Path | RemoteFile, sha256: str, size: int) -> Path | bytes:
        """Return the file of a thumbnail, made now if it is not there yet.

        Whoever asks for it while it is being made waits for the same. Where it cannot be kept, on
        a disk that is full or read-only, its bytes are returned.

        Args:
            source: the picture's file.
            sha256: hash of its bytes.
            size: longest side, in pixels; a smaller picture is not enlarged.

        Raises:
            ImageError: the file is no picture any more.
            PicturesUnavailable: what holds it does not answer.
            OSError: it is gone.
        """
        target = self._cache.path_of(f"{sha256}-{size}.webp")
        if await asyncio.to_thread(_is_newer, target, source):
            return target
        original = await self._originals.get(source)
        return await self._cache.make(target, self._make, original, target, size)

    def _make(self, source: Path, target: Path, size: int) -> Path | bytes:
        picture = open_image(source, keep_pixels=_DECODED_SQUARES * size**2)
        picture.thumbnail((size, size), Image.Resampling.LANCZOS)
        memory = io.BytesIO()
        picture.save(memory, "WEBP", quality=QUALITY)
        content = memory.getvalue()
        try:
            self._cache.keep(target, lambda temporary: temporary.write_bytes(content))
        except OSError as error:
            logger.warning("a thumbnail cannot be kept: %s", error)
            return content
        return target


def _is_newer(target: Path, source: Path | RemoteFile) -> bool:
    try:
        made = target.stat().st_mtime_ns
    except OSError:  # none is there, or none can be
        return False
    # What lies elsewhere is shown by its hash, which cannot change.
    return isinstance(source, RemoteFile) or made >= source.stat().st_mtime_ns
