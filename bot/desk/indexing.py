"""Indexing a folder beside the turns: one job at a time, in a process that is watched from here.

Its state lies in Redis, so that each worker can tell of it and stop it, and so that it is known
after a restart. The process is `showtell index`, which publishes what it made only when it is
whole; killed, it leaves nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from redis.asyncio import Redis
from redis.exceptions import LockNotOwnedError, RedisError

from bot.errors import BotError, IndexingRuns
from bot.live.bundle import LiveBundle
from bot.settings import Settings
from retrieval.errors import BundleError, NoBundle

logger = logging.getLogger(__name__)

# The braces put all three on one node of a cluster.
_STATE, _LOCK, _CANCEL = (f"showtell:desk:{{index}}:{what}" for what in ("state", "lock", "cancel"))
_REMEMBERED_S = 30 * 86_400
# The lock of a server that died is void after so long; held anew with each beat.
_LOCK_S = 15
BEAT_S = 0.5
_TERM_S = 10.0
_NICENESS = 19
"""Turns go first: at 10 they took twice as long meanwhile."""
_LINES_KEPT = 20
_LONGEST_LINE = 1_000_000
_LONGEST_LOGGED = 200


class IndexState(BaseModel):
    """How far a job is, or what came of the last one.

    Attributes:
        state: running, or how it ended; idle where none ran yet.
        folder: what is indexed.
        started: seconds since 1970.
        ended: likewise; None while it runs.
        what: of which something is being done, such as pictures.
        done: so many.
        total: of so many; 0 where nothing is counted yet.
        version: what it made.
        sentence: what came of it.
        skipped: what was left out, with the reason; the first few.
    """

    state: Literal["idle", "running", "done", "failed", "cancelled"] = "idle"
    folder: str = ""
    started: float = 0.0
    ended: float | None = None
    what: str = ""
    done: int = 0
    total: int = 0
    version: str | None = None
    sentence: str = ""
    skipped: list[str] = []


class Indexing:
    """Runs `showtell index` with the settings of this server.

    Args:
        settings: where the gallery lies.
        redis: keeps the state.
        live: takes what was made.
    """

    def __init__(self, settings: Settings, redis: Redis, live: LiveBundle) -> None:
        self._settings = settings
        self._redis = redis
        self._live = live
        self._lock = redis.lock(_LOCK, timeout=_LOCK_S, blocking=False, thread_local=False)
        self._task: asyncio.Task[None] | None = None

    async def state(self) -> IndexState:
        """Return how far the job is.

        Raises:
            RedisError, OSError: Redis cannot be asked.
        """
        async with self._redis.pipeline(transaction=True) as pipeline:  # or it ends in between
            pipeline.get(_STATE)
            pipeline.exists(_LOCK)
            kept, locked = await pipeline.execute()
        try:
            state = IndexState.model_validate_json(kept) if kept else IndexState()
        except ValidationError:  # another version of the program wrote it
            state = IndexState()
        if state.state == "running" and not locked:
            sentence = "The server that watched it ended before it did."
            return state.model_copy(update={"state": "failed", "sentence": sentence})
        return state

    async def start(self, folder: Path, captions: Path | None) -> IndexState:
        """Begin to index a folder.

        Args:
            folder: of pictures.
            captions: for them; None for those that lie beside the pictures.

        Raises:
            IndexingRuns: one is being indexed, by this worker or another.
            RedisError, OSError: Redis cannot be asked.
        """
        runs_here = self._task is not None and not self._task.done()
        if runs_here or not await self._lock.acquire():
            raise IndexingRuns("A folder is being indexed already; wait for its end, or stop it.")
        state = IndexState(state="running", folder=str(folder), started=time.time())
        await self._redis.delete(_CANCEL)
        await self._redis.set(_STATE, state.model_dump_json(), ex=_REMEMBERED_S)
        self._task = asyncio.create_task(self._watch(state, captions), name="indexing")
        return state

    async def cancel(self) -> None:
        """Have the job stopped, whichever worker watches it.

        Raises:
            RedisError, OSError: Redis cannot be asked.
        """
        await self._redis.set(_CANCEL, "", ex=_LOCK_S)

    async def stop(self) -> None:
        """Stop what this worker runs, and wait for its end."""
        if self._task and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _watch(self, state: IndexState, captions: Path | None) -> None:
        try:
            process = await self._run(state.folder, captions)
            try:
                await self._follow(process, state)
            finally:
                await _end(process)
        except asyncio.CancelledError:
            state.state, state.sentence = "cancelled", "The server was ended."
            raise
        except Exception as error:
            logger.exception("indexing %s failed", state.folder)
            state.state, state.sentence = "failed", f"It failed: {error}"
        finally:
            state.ended = time.time()
            logger.info("indexing %s: %s", state.folder, state.state)
            with contextlib.suppress(RedisError, OSError, IndexingRuns):
                await asyncio.shield(self._put_down(state))

    async def _run(self, folder: str, captions: Path | None) -> Process:
        command = [sys.executable, "-m", "bot", "index", folder, "--json"]
        with contextlib.suppress(NoBundle), self._live.lease() as serving:
            command += ["--model", str(serving.bundle.model_dir)]
        if captions is not None:
            command += ["--captions", str(captions)]
        environment = os.environ | self._settings.as_environment()
        process = await asyncio.create_subprocess_exec(
            *command, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, limit=_LONGEST_LINE
        )
        with contextlib.suppress(OSError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        return process

    async def _follow(self, process: Process, state: IndexState) -> None:
        """Put down what the process says until it ends, and take what it made."""
        said: list[str] = []
        reading = asyncio.gather(
            _each_line(process.stdout, lambda line: take_line(line, state)),
            _each_line(process.stderr, lambda line: said.append(line) if line.strip() else None),
        )
        try:
            while not reading.done():
                await asyncio.wait({reading}, timeout=BEAT_S)
                if await self._beat(state) and process.returncode is None:
                    process.terminate()
                    state.state, state.sentence = "cancelled", "It was stopped; nothing changed."
                del said[:-_LINES_KEPT]
            await reading
        finally:
            reading.cancel()
        failed = await process.wait() != 0
        if state.state == "cancelled" and state.version is None:
            return
        if failed or state.version is None:
            state.state = "failed"
            state.sentence = said[-1].removeprefix("showtell: ") if said else "It ended."
            return
        try:
            if self._live.version != state.version:
                await self._live.reload(state.version)
        except (BotError, BundleError) as error:
            state.state, state.sentence = "failed", f"It was made, and then refused: {error}"
        else:
            state.state = "done"

    async def _beat(self, state: IndexState) -> bool:
        """Tell the other workers; return whether one of them wants it stopped.

        Raises:
            IndexingRuns: another worker indexes meanwhile.
        """
        try:
            await self._hold()
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.set(_STATE, state.model_dump_json(), ex=_REMEMBERED_S)
                pipeline.getdel(_CANCEL)
                return (await pipeline.execute())[-1] is not None
        except (RedisError, OSError) as error:
            logger.warning("how far indexing is cannot be told: %s", error)
            return False

    async def _hold(self) -> None:
        try:
            await self._lock.reacquire()
        except LockNotOwnedError:  # it ran out: this process stood still, or Redis was away
            if not await self._lock.acquire():
                raise IndexingRuns("Another server began to index meanwhile.") from None

    async def _put_down(self, state: IndexState) -> None:
        await self._hold()
        await self._redis.set(_STATE, state.model_dump_json(), ex=_REMEMBERED_S)
        await self._lock.release()


async def _each_line(stream: asyncio.StreamReader | None, take: Any) -> None:
    while stream is not None:
        try:
            line = await stream.readline()
        except ValueError:  # longer than any that is told; it is gone
            continue
        if not line:
            return
        take(line.decode("utf-8", "replace").rstrip())


def take_line(line: str, state: IndexState) -> None:
    """Put a line of `showtell index --json` into the state."""
    try:
        said: dict[str, Any] = json.loads(line)
        if "what" in said:
            state.what, state.done, state.total = said["what"], said["done"], said["total"]
            return
        state.version, state.skipped = said["version"], said["skipped"]
        state.sentence = said["sentence"]
    except (ValueError, KeyError, TypeError):  # a library printed it
        logger.warning("indexing printed %r", line[:_LONGEST_LOGGED])


async def _end(process: Process) -> None:
    """Let a process end, by force if it does not."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _TERM_S)
    except TimeoutError:
        process.kill()
        await process.wait()
