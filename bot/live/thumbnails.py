"""Smaller copies of the gallery's pictures, made when they are first asked for."""

from __future__ import annotations

import asyncio
import io
import logging
from pathlib import Path

from PIL import Image

from bot.live.threads import Threads
from embedding.data.decode import open_image
from retrieval.store.files import atomic_path

logger = logging.getLogger(__name__)

SIZES = (160, 320, 640)
"""Longest sides of thumbnails, in pixels; a free choice would let anybody fill the disk."""

QUALITY = 85
# A picture is decoded to about twice the side of its thumbnail, and reduced by a good filter.
_DECODED_SQUARES = 3
# The folder is looked through when so much of what it may hold is new, and emptied to this much.
_NEW, _LEFT = 0.1, 0.8


class Thumbnails:
    """Smaller copies on disk, one file for each picture (by content) and size.

    Args:
        folder: where they are kept; made when the first one is.
        threads: where they are made.
        most_bytes: what the folder may hold; the oldest go first.
    """

    def __init__(self, folder: Path, threads: Threads, most_bytes: int) -> None:
        self._folder = folder
        self._threads = threads
        self._most_bytes = most_bytes
        self._new_bytes = most_bytes  # nobody knows what was left there: look at once
        self._being_made: dict[Path, asyncio.Task[Path | bytes]] = {}

    async def get(self, source: Path, sha256: str, size: int) -> Path | bytes:
        """Return the file of a thumbnail, made now if it is not there yet.

        Whoever asks for it while it is being made waits for the same. Where it cannot be kept, on
        a disk that is full or read-only, its bytes are returned.

        Args:
            source: the picture's file.
            sha256: hash of its bytes.
            size: longest side, in pixels; a smaller picture is not enlarged.

        Raises:
            ImageError: the file is no picture any more.
            OSError: it is gone.
        """
        target = self._folder / sha256[:2] / f"{sha256}-{size}.webp"
        if await asyncio.to_thread(_is_newer, target, source):
            return target
        task = self._being_made.get(target)
        if task is None:
            task = asyncio.create_task(self._threads.run(self._make, source, target, size))
            self._being_made[target] = task
            task.add_done_callback(lambda done: self._is_made(target, done))
        return await asyncio.shield(task)

    def _is_made(self, target: Path, task: asyncio.Task[Path | bytes]) -> None:
        del self._being_made[target]
        if not task.cancelled():
            task.exception()  # retrieved, should all who asked have gone meanwhile

    def _make(self, source: Path, target: Path, size: int) -> Path | bytes:
        picture = open_image(source, keep_pixels=_DECODED_SQUARES * size**2)
        picture.thumbnail((size, size), Image.Resampling.LANCZOS)
        memory = io.BytesIO()
        picture.save(memory, "WEBP", quality=QUALITY)
        content = memory.getvalue()
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(target) as temporary:  # another worker never reads half a file
                temporary.write_bytes(content)
            self._make_room(len(content))
        except OSError as error:
            logger.warning("a thumbnail cannot be kept: %s", error)
            return content
        return target

    def _make_room(self, new_bytes: int) -> None:
        """Remove the oldest thumbnails when there are too many; another worker may do the same."""
        self._new_bytes += new_bytes
        if self._new_bytes < _NEW * self._most_bytes:
            return
        self._new_bytes = 0
        found = [(path.stat(), path) for path in self._folder.glob("*/*.webp")]
        total = sum(status.st_size for status, _ in found)
        if total <= self._most_bytes:
            return
        for status, path in sorted(found, key=lambda one: one[0].st_mtime_ns):
            if total <= _LEFT * self._most_bytes:
                break
            path.unlink(missing_ok=True)
            total -= status.st_size


def _is_newer(target: Path, source: Path) -> bool:
    try:
        made = target.stat().st_mtime_ns
    except OSError:  # none is there, or none can be
        return False
    return made >= source.stat().st_mtime_ns
