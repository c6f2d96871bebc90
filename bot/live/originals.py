"""The gallery's pictures as files of this machine: fetched and kept where they lie elsewhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.live.file_cache import FileCache
from bot.live.threads import Threads
from embedding.data.remote import RemoteFile
from embedding.errors import PicturesUnavailable

FETCHED_AT_ONCE = 8
_PATIENCE_S = 15.0
"""How long somebody who looks at a picture waits for it; large ones go on coming meanwhile."""


class Originals:
    """Local copies of pictures on an object store or a web server, by the hash of their bytes.

    Args:
        folder: where they are kept; made when the first one is.
        threads: where they are fetched.
        most_bytes: what the folder may hold; the oldest go first.
    """

    def __init__(self, folder: Path, threads: Threads, most_bytes: int) -> None:
        self._cache = FileCache(folder, threads, most_bytes)

    async def get(self, source: Path | RemoteFile) -> Path:
        """Return the file of a picture on this machine, fetched now if it is elsewhere.

        Raises:
            PicturesUnavailable: what holds it does not answer, or there is no room for it here.
            FileNotFoundError: it is gone, or has other bytes than were indexed.
        """
        if isinstance(source, Path):
            return source
        target = self._cache.path_of(source.sha256)
        if not await asyncio.to_thread(target.exists):
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await self._cache.make(target, self._cache.keep, target, source.fetch)
            except FileNotFoundError:
                raise
            except OSError as error:
                why = str(error) or f"it takes more than {_PATIENCE_S:g} s"
                raise PicturesUnavailable(f"{source} cannot be brought here: {why}") from error
        return target
