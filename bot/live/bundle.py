"""The live bundle: loaded, lent out to turns, swapped while they run, rolled back.

A turn holds a lease on the bundle it started with. A new bundle is opened, verified and warmed up
beside the old one; then one assignment makes it the live one. The old one is closed when its last
lease ends, so no turn ever sees half of each.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from bot.errors import NothingToRollBackTo, UnknownVersion
from bot.live.catalog import next_version, versions_to_try
from bot.live.lease import Lendable
from bot.live.loading import Loader
from bot.live.news import (
    GetReady,
    all_get_ready,
    news_of_swaps,
    tell_of_readiness,
    tell_of_swap,
)
from bot.live.serving import Serving
from bot.live.tasks import BackgroundTask, Errands
from bot.live.threads import Threads
from embedding.data.remote import Root
from retrieval.bundle.catalog import Catalog
from retrieval.errors import BundleError, BundleRefused, NoBundle, StoreUnavailable

logger = logging.getLogger(__name__)

_PATIENCE_S = 0.8
"""How long a probe waits."""
# How long the other workers are waited for: as long again as the load took here, and this.
_OTHERS_MORE_S = 5.0
# After so long nobody will ask for what was prepared: who told to prepare it was killed.
_PREPARED_FOR_S = 300.0


class LiveBundle:
    """The bundle that answers now, in this process.

    Args:
        catalog: names the versions of the gallery; closed with this.
        images: the folder of the pictures, if it is not where it was when they were indexed.
        redis: tells the other workers of a swap; None when there are none.
        threads: turns that compute at once.
        poll_s: how often is looked which version is live, in seconds, should a message be missed.
        models: where what reads other languages than English is kept; None means
            ``default_models_dir()``.
        on_swap: called with the version and the outcome ("live" or "refused") of each load.
        on_failure: called with the name of a background task that failed and is begun again.
        on_missing: called for each picture left out of an answer because its file is gone.

    Attributes:
        follower: takes what other workers publish.
        run: runs blocking work of turns in threads of their own (`Threads.run`).
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        images: Root | None = None,
        redis: Redis | None = None,
        threads: int = 2,
        poll_s: float = 3.0,
        models: Path | None = None,
        on_swap: Callable[[str, str], None] | None = None,
        on_failure: Callable[[str], None] | None = None,
        on_missing: Callable[[], None] | None = None,
    ) -> None:
        self._catalog = catalog
        self._redis = redis
        self._poll_s = min(poll_s, catalog.poll_s)
        self._serving = Lendable(Serving.close)
        self._swap = asyncio.Lock()  # one reload or rollback at a time
        self._checking: asyncio.Task[None] | None = None
        self._preparing = Errands()
        self.follower = BackgroundTask(
            "following CURRENT", self._follow, pause_s=poll_s, on_failure=on_failure
        )
        # A model computes in the thread that asks for it, and in no other.
        self._threads = Threads(threads, "serving")
        self.run = self._threads.run
        self._loader = Loader(
            catalog,
            self.run,
            images=images,
            models=models,
            on_load=on_swap,
            on_missing=on_missing,
        )

    # Using the bundle

    @contextmanager
    def lease(self) -> Iterator[Serving]:
        """Lend the live bundle; it stays open until the block ends, whatever is swapped in.

        Raises:
            NoBundle: None is live.
        """
        with self._serving.lend() as serving:
            if serving is None:
                raise NoBundle(self._why_none())
            yield serving

    @property
    def version(self) -> str | None:
        """Version of the live bundle; None while there is none."""
        serving = self._serving.current
        return serving.version if serving else None

    @property
    def turns_in_flight(self) -> int:
        """How many have a lease on the live bundle."""
        return self._serving.users

    def status(self) -> dict[str, Any]:
        """Return what the operator wants to know: the live bundle and the last refusal."""
        serving, refusal = self._serving.current, self._loader.refusal
        status: dict[str, Any] = {"version": None, "versions": self._catalog.versions()}
        if serving:
            bundle = serving.bundle
            status |= {
                "version": bundle.version,
                "images": len(bundle.store),
                "model": bundle.encoder.name,
                "dimension": bundle.encoder.dimension,
                "loaded_at": serving.loaded_at.isoformat(timespec="seconds"),
                "turns_in_flight": self.turns_in_flight,
            }
        if refusal:
            status["refused"] = {"version": refusal.version, "reason": refusal.reason}
        return status

    async def problem(self) -> str | None:
        """Return why no picture can be searched now, in words; None when one can."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                problem = await asyncio.to_thread(self._catalog.problem)
        except TimeoutError:
            problem = "the database of the gallery does not answer in time"
        return problem or (None if self.version else self.refused or "no bundle is live")

    @property
    def refused(self) -> str | None:
        """Which bundle was refused last, and why; None when none was since one was loaded."""
        refusal = self._loader.refusal
        return str(refusal) if refusal else None

    # Changing it

    async def start(self) -> None:
        """Load what `CURRENT` names, else the newest sound one; then follow it in the background.

        Without a sound bundle the server starts all the same, says so in `/readyz`, and takes
        the first one that is published. Files that have not changed since they were last read
        through count as sound at first; they are read through while the server answers.
        """
        try:
            versions = await asyncio.to_thread(versions_to_try, self._catalog)
            await self._take_first(versions, check=False)
        except StoreUnavailable as error:
            logger.error("%s", error)
        if self.version:
            self._checking = asyncio.create_task(self._check(self.version), name="checking")
        self.follower.start()

    async def stop(self) -> None:
        """Stop following, let running work end, close the bundle."""
        await self.follower.stop()
        if self._checking:
            await self._checking
        await self._preparing.finish()
        await self._loader.close()
        await self._threads.close()
        await asyncio.to_thread(self._serving.shut_down)
        await asyncio.to_thread(self._catalog.close)

    async def reload(self, version: str | None = None) -> str:
        """Load a bundle in all workers at once, then make it the live one in all of them.

        A worker that cannot load it, or takes much longer, keeps nobody else waiting.

        Args:
            version: which one. None: the one that `CURRENT` names if that is not live yet, else
                the newest.

        Returns:
            The version that is live now.

        Raises:
            UnknownVersion: there is no such bundle.
            BundleRefused: it cannot be served; the old one is still live.
            StoreUnavailable: the server that holds the gallery does not answer.
        """
        async with self._swap:
            if version is None:
                version = await asyncio.to_thread(next_version, self._catalog, self.version)
            return await self._switch(version)

    async def rollback(self) -> str:
        """Go back to the newest bundle that is older than the live one.

        Returns:
            The version that is live now.

        Raises:
            NothingToRollBackTo: None is older.
            BundleRefused: it cannot be served; the old one is still live.
            StoreUnavailable: the server that holds the gallery does not answer.
        """
        async with self._swap:
            live = self.version
            if live is None:
                raise NothingToRollBackTo("no bundle is live; reload one by its version")
            try:
                older = await asyncio.to_thread(self._catalog.previous, live)
            except NoBundle as error:
                raise NothingToRollBackTo(f"no bundle is older than {live}") from error
            return await self._switch(older)

    async def _switch(self, version: str) -> str:
        known = await asyncio.to_thread(self._catalog.versions)
        if version not in known:
            raise UnknownVersion(
                f"there is no bundle {version!r}; there are: {', '.join(known) or 'none'}"
            )
        began = time.monotonic()
        async with all_get_ready(self._redis, version) as others:
            if await self._loader.prepare(version):
                await others(time.monotonic() - began + _OTHERS_MORE_S)
            serving = await self._loader.load(version)
            try:
                await asyncio.to_thread(self._catalog.publish, version)
            except BundleError:
                await asyncio.to_thread(serving.close)
                raise
            except OSError as error:
                await asyncio.to_thread(serving.close)
                raise self._loader.refuse(version, f"CURRENT cannot be written: {error}") from error
            self._replace(serving)
        return version

    async def _check(self, version: str) -> None:
        """Read the bundle that was live at the start through; replace it if it is damaged."""
        try:
            await asyncio.to_thread(self._catalog.check, version)
        except NoBundle:
            return  # removed meanwhile
        except (BundleRefused, OSError) as error:
            async with self._swap:
                reason = error.reason if isinstance(error, BundleRefused) else str(error)
                self._loader.refuse(version, reason)
                if self.version == version:
                    others = await asyncio.to_thread(versions_to_try, self._catalog)
                    await self._take_first([one for one in others if one != version], check=True)

    async def _take_first(self, versions: Sequence[str], *, check: bool) -> None:
        """Serve the first one that is sound: a bad bundle takes nobody down."""
        refusal = self._loader.refusal
        for version in versions:
            try:
                serving = await self._loader.load(version, check=check)
            except BundleRefused:
                refusal = refusal or self._loader.refusal
            else:
                self._replace(serving)
                break
        self._loader.refusal = refusal

    def _replace(self, serving: Serving) -> None:
        self._serving.replace(serving)
        logger.info("bundle %s is live", serving.version)

    def _why_none(self) -> str:
        return self.refused or f"no bundle is live in {self._catalog.name}; run `showtell index`"

    # Following the other workers

    async def _follow(self) -> AsyncIterator[None]:
        """Take what other workers publish: told by Redis at once, else seen in `CURRENT`."""
        async with aclosing(news_of_swaps(self._redis, self._poll_s)) as news:
            async for one in news:
                if isinstance(one, GetReady):
                    self._preparing.begin(self._get_ready(one), "preparing")
                elif not self._swap.locked():  # else a swap of our own decides, and waits for us
                    async with self._swap:
                        await self._catch_up(one.told)
                    self._loader.drop_prepared(0.0 if one.told else _PREPARED_FOR_S)
                yield

    async def _get_ready(self, asked: GetReady) -> None:
        if asked.version != self.version:
            await self._loader.prepare(asked.version)
        await tell_of_readiness(self._redis, asked.asker)

    async def _catch_up(self, told: bool) -> None:
        try:
            version = await asyncio.to_thread(self._catalog.current)
        except NoBundle as error:
            logger.debug("nothing to follow: %s", error)
            return
        except StoreUnavailable as error:
            logger.warning("%s", error)
            return
        refusal = self._loader.refusal
        refused = refusal is not None and refusal.version == version
        if version != self.version and (told or not refused):
            if not told:
                await tell_of_swap(self._redis, version)  # the others look every few seconds too
            # Logged and remembered by the loader; or tried again with the next look.
            with suppress(BundleRefused, StoreUnavailable):
                self._replace(await self._loader.load(version))
