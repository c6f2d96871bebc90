"""The live bundle: loaded, lent out to turns, swapped while they run, rolled back.

A turn holds a lease on the bundle it started with. A new bundle is opened, verified and warmed up
beside the old one; then one assignment makes it the live one. The old one is closed when its last
lease ends, so no turn ever sees half of each.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from redis.asyncio import Redis

from bot.errors import NothingToRollBackTo, UnknownVersion
from bot.live.news import news_of_swaps, tell_of_swap
from embedding.model.encoder import limit_threads
from retrieval.bundle.bundle import (
    Bundle,
    current_version,
    list_versions,
    previous_version,
    publish,
)
from retrieval.errors import BundleError, BundleRefused, NoBundle
from retrieval.search.query import Query

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Serving:
    """What one turn works with."""

    bundle: Bundle


@dataclass
class _Slot:
    """A bundle in memory and how many use it now."""

    serving: Serving
    loaded_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    users: int = 0
    retired: bool = False

    @property
    def version(self) -> str:
        return self.serving.bundle.version


@dataclass(frozen=True)
class _Refusal:
    """The last bundle that could not be loaded, and why."""

    version: str
    reason: str


class LiveBundle:
    """The bundle that answers now, in this process.

    Args:
        bundles: The bundles directory.
        images: The folder of the pictures, if it is not where it was when they were indexed.
        redis: Tells the other workers of a swap; None when there are none.
        threads: Turns that compute at once.
        torch_threads: Threads of one forward pass.
        poll_s: How often `CURRENT` is looked at, in seconds, should a message be missed.
        on_swap: Called with the version and the outcome ("live" or "refused") of each load.
    """

    def __init__(
        self,
        bundles: Path,
        *,
        images: Path | None = None,
        redis: Redis | None = None,
        threads: int = 2,
        torch_threads: int = 1,
        poll_s: float = 3.0,
        on_swap: Callable[[str, str], None] | None = None,
    ) -> None:
        self._bundles = bundles
        self._images = images
        self._redis = redis
        self._poll_s = poll_s
        self._on_swap = on_swap
        self._slot: _Slot | None = None
        self._refusal: _Refusal | None = None
        self._users = threading.Lock()  # guards _slot and every _Slot's fields
        self._swap = asyncio.Lock()  # one reload or rollback at a time
        self._follower: asyncio.Task[None] | None = None
        self._torch_threads = torch_threads
        # OpenMP keeps its number of threads per thread: each one of the pool must be told.
        self._pool = ThreadPoolExecutor(
            threads, "serving", initializer=limit_threads, initargs=(torch_threads,)
        )

    # Using the bundle

    @contextmanager
    def lease(self) -> Iterator[Serving]:
        """Lend the live bundle; it stays open until the block ends, whatever is swapped in.

        Raises:
            NoBundle: None is live.
        """
        with self._users:
            slot = self._slot
            if slot is None:
                raise NoBundle(self._why_none())
            slot.users += 1
        try:
            yield slot.serving
        finally:
            with self._users:
                slot.users -= 1
                close = slot.retired and slot.users == 0
            if close:
                _close(slot)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run blocking work in the serving threads and wait for it."""
        call = partial(contextvars.copy_context().run, partial(work, *args, **kwargs))
        return await asyncio.get_running_loop().run_in_executor(self._pool, call)

    @property
    def version(self) -> str | None:
        """Version of the live bundle; None while there is none."""
        slot = self._slot
        return slot.version if slot else None

    def status(self) -> dict[str, Any]:
        """Return what the operator wants to know: the live bundle and the last refusal."""
        with self._users:
            slot, refusal = self._slot, self._refusal
            users = slot.users if slot else 0
        status: dict[str, Any] = {"version": None, "versions": list_versions(self._bundles)}
        if slot:
            bundle = slot.serving.bundle
            status |= {
                "version": bundle.version,
                "images": len(bundle.gallery),
                "model": bundle.model.name,
                "dimension": bundle.model.dimension,
                "loaded_at": slot.loaded_at.isoformat(timespec="seconds"),
                "turns_in_flight": users,
            }
        if refusal:
            status["refused"] = {"version": refusal.version, "reason": refusal.reason}
        return status

    # Changing it

    async def start(self) -> None:
        """Load what `CURRENT` names, then follow it in the background.

        Without a usable bundle the server starts all the same, says so in `/readyz`, and takes
        the first one that is published.
        """
        try:
            version = await asyncio.to_thread(current_version, self._bundles)
        except BundleError as error:
            logger.error("nothing to serve yet: %s", error)
        else:
            await self._take_or_stand_in(version)
        self._follower = asyncio.create_task(self._follow(), name="follow CURRENT")

    async def stop(self) -> None:
        """Stop following, let running work end, close the bundle."""
        if self._follower:
            self._follower.cancel()
            with suppress(asyncio.CancelledError):
                await self._follower
        await asyncio.to_thread(self._pool.shutdown)
        self._replace(None)

    async def reload(self, version: str | None = None) -> str:
        """Load a bundle, make it the live one, publish it, and tell the other workers.

        Args:
            version: Which one. None: the one that `CURRENT` names if that is not live yet, else
                the newest.

        Returns:
            The version that is live now.

        Raises:
            UnknownVersion: There is no such bundle.
            BundleRefused: It is damaged; the old one is still live.
        """
        async with self._swap:
            if version is None:
                version = await asyncio.to_thread(self._next_version)
            return await self._switch(version)

    async def rollback(self) -> str:
        """Go back to the newest bundle that is older than the live one.

        Returns:
            The version that is live now.

        Raises:
            NothingToRollBackTo: None is older.
            BundleRefused: It is damaged; the old one is still live.
        """
        async with self._swap:
            live = self.version
            if live is None:
                raise NothingToRollBackTo("no bundle is live; reload one by its version")
            try:
                older = await asyncio.to_thread(previous_version, self._bundles, live)
            except NoBundle as error:
                raise NothingToRollBackTo(f"no bundle is older than {live}") from error
            return await self._switch(older)

    async def _switch(self, version: str) -> str:
        known = await asyncio.to_thread(list_versions, self._bundles)
        if version not in known:
            raise UnknownVersion(
                f"there is no bundle {version!r}; there are: {', '.join(known) or 'none'}"
            )
        slot = await self._load(version)
        await asyncio.to_thread(publish, self._bundles, version)
        self._replace(slot)
        await tell_of_swap(self._redis, version)
        return version

    async def _take_or_stand_in(self, version: str) -> None:
        """Serve a bundle, else the newest older one that is sound: a bad one takes nobody down."""
        refusal: _Refusal | None = None
        while True:
            try:
                slot = await self._load(version)
            except (BundleRefused, NoBundle):
                refusal = refusal or self._refusal
                try:
                    version = await asyncio.to_thread(previous_version, self._bundles, version)
                except NoBundle:
                    return
            else:
                self._replace(slot)
                self._refusal = refusal
                return

    async def _load(self, version: str) -> _Slot:
        """Open, verify and warm up a bundle, away from the threads that serve turns."""
        try:
            slot = await asyncio.to_thread(self._open, version)
        except (BundleRefused, NoBundle) as error:
            reason = error.reason if isinstance(error, BundleRefused) else str(error)
            self._refusal = _Refusal(version, reason)
            logger.error("bundle %s is refused: %s", version, reason)
            self._tell(version, "refused")
            raise
        self._refusal = None
        self._tell(version, "live")
        return slot

    def _open(self, version: str) -> _Slot:
        limit_threads(self._torch_threads)  # loading must not crowd out the turns
        bundle = Bundle.open(self._bundles, version, root=self._images)
        try:
            # The first search of a fresh model is the slowest; nobody should wait for it.
            bundle.searcher.search(Query(texts=("warm up",)), 1)
        except BaseException:
            bundle.close()
            raise
        return _Slot(Serving(bundle))

    def _replace(self, slot: _Slot | None) -> None:
        """Put a slot in place and close the old one, now or after its last lease."""
        with self._users:
            old, self._slot = self._slot, slot
            if old:
                old.retired = True
            close = old is not None and old.users == 0
        if slot:
            logger.info("bundle %s is live", slot.version)
        if old and close:
            _close(old)

    def _tell(self, version: str, outcome: str) -> None:
        if self._on_swap:
            self._on_swap(version, outcome)

    def _why_none(self) -> str:
        if self._refusal:
            return f"bundle {self._refusal.version} is refused: {self._refusal.reason}"
        return f"no bundle is live in {self._bundles}; run `showtell index`"

    def _next_version(self) -> str:
        with suppress(BundleError):
            published = current_version(self._bundles)
            if published != self.version:
                return published
        versions = list_versions(self._bundles)
        if not versions:
            raise UnknownVersion(f"there is no bundle in {self._bundles}; run `showtell index`")
        return versions[-1]

    # Following the other workers

    async def _follow(self) -> None:
        """Take what other workers publish: told by Redis at once, else seen in `CURRENT`."""
        async for told in news_of_swaps(self._redis, self._poll_s):
            # Under the lock, so that CURRENT is not read while a reload of our own replaces it.
            async with self._swap:
                try:
                    version = await asyncio.to_thread(current_version, self._bundles)
                except BundleError as error:
                    logger.debug("nothing to follow: %s", error)
                    continue
                refused = self._refusal is not None and self._refusal.version == version
                if version != self.version and (told or not refused):
                    with suppress(BundleRefused, NoBundle):  # logged and remembered by _load
                        self._replace(await self._load(version))


def _close(slot: _Slot) -> None:
    """Close a bundle and give its memory back; models hold reference cycles."""
    version = slot.version
    slot.serving.bundle.close()
    del slot.serving
    gc.collect()
    logger.info("bundle %s is closed", version)
