"""Files on this machine's disk that can be made again, within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bot.live.threads import Threads
from retrieval.store.files import atomic_path

T = TypeVar("T")

# The folder is looked through when so much of what it may hold is new, and emptied to this much.
_NEW, _LEFT = 0.1, 0.8


class FileCache:
    """Files by name, each made once however many ask; another worker may use the same folder.

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
        self._being_made: dict[Path, asyncio.Task[Any]] = {}

    def path_of(self, name: str) -> Path:
        """Return where a file is, or would be; names begin with a hash."""
        return self._folder / name[:2] / name

    async def make(
        self, target: Path, work: Callable[..., T], *args: Any, threads: Threads | None = None
    ) -> T:
        """Run the work that makes a file; who asks meanwhile waits for the same.

        Args:
            target: the file, or what else names the work.
            work: what makes it.
            args: of the work.
            threads: where it runs, if not where most is made.
        """
        task = self._being_made.get(target)
        if task is None:
            task = asyncio.create_task((threads or self._threads).run(work, *args))
            self._being_made[target] = task
            task.add_done_callback(lambda done: self._is_made(target, done))
        made: T = await asyncio.shield(task)
        return made

    def keep(self, target: Path, write: Callable[[Path], object]) -> None:
        """Keep what is written into a temporary file, whole or not at all, and make room for it.

        Raises:
            OSError: there is no room, or the disk is read-only; and what `write` raises.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as temporary:  # another worker never reads half a file
            write(temporary)
        self._make_room(target.stat().st_size)

    def _is_made(self, target: Path, task: asyncio.Task[Any]) -> None:
        del self._being_made[target]
        if not task.cancelled():
            task.exception()  # retrieved, should all who asked have gone meanwhile

    def _make_room(self, new_bytes: int) -> None:
        """Remove the oldest files when there are too many; another worker may do the same."""
        self._new_bytes += new_bytes
        if self._new_bytes < _NEW * self._most_bytes:
            return
        self._new_bytes = 0
        found = [(path.stat(), path) for path in self._folder.glob("*/[!.]*")]
        total = sum(status.st_size for status, _ in found)
        if total <= self._most_bytes:
            return
        for status, path in sorted(found, key=lambda one: one[0].st_mtime_ns):
            if total <= _LEFT * self._most_bytes:
                break
            path.unlink(missing_ok=True)
            total -= status.st_size
