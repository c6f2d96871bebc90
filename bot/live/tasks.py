"""Work that goes on beside the requests: for as long as the server runs, or for a while."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

logger = logging.getLogger(__name__)

_CANCEL_EVERY_S = 0.1


class BackgroundTask:
    """A loop without an end: when it fails it is logged and begun again, and it can be stopped.

    Args:
        name: what it does; for the log, `/readyz` and the metrics.
        work: begins the loop; each yield says that another round went well.
        pause_s: seconds between a failure and the next try.
        on_failure: called with the name after each failure.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], AsyncIterator[None]],
        *,
        pause_s: float = 1.0,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self.failure: str | None = None
        """What ended the last round, until another one goes well."""
        self._work = work
        self._pause_s = pause_s
        self._on_failure = on_failure
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=self.name)

    async def stop(self) -> None:
        """End it, whatever it is doing; returns when nothing of it runs any more.

        One cancellation is not enough: a library that awaits under a time-out of its own can
        swallow it, as redis-py does while it connects.
        """
        self._stopping = True
        while self._task and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_CANCEL_EVERY_S)

    async def _run(self) -> None:
        while not self._stopping:
            try:
                async for _ in self._work():
                    self.failure = None
                error: Exception = RuntimeError("it ended by itself")
            except Exception as caught:  # noqa: BLE001 - logged, shown in /readyz, tried again
                error = caught
            self.failure = f"{type(error).__name__}: {error}"
            logger.error("%s failed and goes on in %s s", self.name, self._pause_s, exc_info=error)
            if self._on_failure:
                self._on_failure(self.name)
            await asyncio.sleep(self._pause_s)


class Errands:
    """Tasks that are held until they end: the event loop alone would let go of them."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Begin one."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def finish(self) -> None:
        """Wait for those that run."""
        if self._running:
            await asyncio.wait(self._running)
