"""Smaller copies of the gallery's pictures, made when they are first asked for.

Several servers may share those of pictures that lie elsewhere, on an object store: what one made
is fetched by the others, which then need no original.
"""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from bot.live.file_cache import FileCache
from bot.live.originals import Originals
from bot.live.threads import Threads
from embedding.data.decode import open_image
from embedding.data.remote import RemoteFile, RemoteFolder
from embedding.errors import PicturesUnavailable

logger = logging.getLogger(__name__)

SIZES = (160, 320, 640)
"""Longest sides of thumbnails, in pixels; a free choice would let anybody fill the disk."""

QUALITY = 85
# A picture is decoded to about twice the side of its thumbnail, and reduced by a good filter.
_DECODED_SQUARES = 3

_PATIENCE_S, _PAUSE_S = 5.0, 30.0
"""How long somebody waits for what others made, and how long a place is left alone that failed."""


class Shared:
    """Thumbnails on an object store, of all servers; without it each makes its own.

    Args:
        folder: where they are kept; nothing is ever removed there.
        threads: where they are fetched.
    """

    def __init__(self, folder: RemoteFolder, threads: Threads) -> None:
        self._folder = folder
        self._threads = threads
        self._away_until = 0.0

    async def fetch(self, target: Path, cache: FileCache) -> bool:
        """Bring a thumbnail here; return whether another server has made it."""
        write, key = partial(_fetch, self._place_of(target)), target.with_suffix(".fetched")
        try:
            return await self._try(
                cache.make(key, cache.keep, target, write, threads=self._threads)
            )
        except FileNotFoundError:
            return False

    async def keep(self, target: Path, made: Path | bytes, cache: FileCache) -> None:
        """Put a thumbnail there for the others."""
        place, key = self._place_of(target), target.with_suffix(".written")
        try:
            await self._try(cache.make(key, _write, place, made, threads=self._threads))
        except FileNotFoundError as error:  # so a store says that nothing may be written there
            self._leave_alone(error)

    def _place_of(self, target: Path) -> RemoteFile:
        return self._folder / f"{target.parent.name}/{target.name}"

    async def _try(self, work: Coroutine[Any, Any, object]) -> bool:
        """Return whether work was done; where the place is away, nobody waits for it soon again.

        Raises:
            FileNotFoundError: what is asked for is not there, or may not be read or written.
        """
        if time.monotonic() < self._away_until:
            work.close()
            return False
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await work
        except FileNotFoundError:
            raise
        except (PicturesUnavailable, OSError) as error:
            self._leave_alone(error)
            return False
        return True

    def _leave_alone(self, error: Exception) -> None:
        self._away_until = time.monotonic() + _PAUSE_S
        logger.warning("thumbnails cannot be shared now: %s", str(error) or "it takes too long")


class Thumbnails:
    """Smaller copies on disk, one file for each picture (by content) and size.

    Args:
        folder: where they are kept; made when the first one is.
        threads: where they are made.
        most_bytes: what the folder may hold; the oldest go first.
        originals: brings pictures here that lie elsewhere.
        shared: where other servers keep theirs of such pictures; None where none do.
    """

    def __init__(
        self,
        folder: Path,
        threads: Threads,
        most_bytes: int,
        originals: Originals,
        shared: Shared | None = None,
    ) -> None:
        self._cache = FileCache(folder, threads, most_bytes)
        self._originals = originals
        self._shared = shared

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
        # A file of this machine may have been exchanged for another since.
        shared = self._shared if isinstance(source, RemoteFile) else None
        if shared and await shared.fetch(target, self._cache):
            return target
        original = await self._originals.get(source)
        made = await self._cache.make(target, self._make, original, target, size)
        if shared:
            await shared.keep(target, made, self._cache)
        return made

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


def _fetch(place: RemoteFile, temporary: Path) -> None:
    place.fetch(temporary)
    if temporary.read_bytes()[8:12] != b"WEBP":
        raise FileNotFoundError(f"{place} is not a thumbnail")


def _write(place: RemoteFile, made: Path | bytes) -> None:
    place.write_bytes(made if isinstance(made, bytes) else made.read_bytes())


def _is_newer(target: Path, source: Path | RemoteFile) -> bool:
    try:
        made = target.stat().st_mtime_ns
    except OSError:  # none is there, or none can be
        return False
    # What lies elsewhere is shown by its hash, which cannot change.
    return isinstance(source, RemoteFile) or made >= source.stat().st_mtime_ns
