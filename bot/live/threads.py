"""Threads for blocking work, a few for each kind, so that one kind never waits for another."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Runs blocking work for an event loop.

    Args:
        count: how many things at once.
        name: of the threads, for logs and profiles.
        begin: called in each thread before its first work.
    """

    def __init__(self, count: int, name: str, begin: Callable[[], object] | None = None) -> None:
        self._pool = ThreadPoolExecutor(count, name, initializer=begin)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work and wait for it."""
        call = partial(contextvars.copy_context().run, partial(work, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    async def close(self) -> None:
        """Let running work end."""
        await asyncio.to_thread(self._pool.shutdown)
