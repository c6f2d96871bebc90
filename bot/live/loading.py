"""Versions of the gallery opened, warmed up, and refused where they cannot be served."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.live.encoding import Run
from bot.live.lease import Lendable
from bot.live.serving import Serving, open_serving
from bot.live.tasks import Errands
from embedding.data.remote import Root
from retrieval.bundle.catalog import Catalog
from retrieval.errors import BundleRefused, StoreUnavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Refusal:
    """The last bundle that could not be loaded, and why."""

    version: str
    reason: str

    def __str__(self) -> str:
        return f"bundle {self.version} is refused: {self.reason}"


class Loader:
    """Loads versions away from the threads that serve turns.

    Args:
        catalog: names the versions.
        run: runs blocking work of turns.
        images: the folder of the pictures, if it is not where it was.
        models: where what reads other languages than English is kept.
        on_load: called with the version and the outcome ("live" or "refused") of each load.
        on_missing: called for each picture left out of an answer because its file is gone.

    Attributes:
        refusal: the last one; None when none was since one was loaded.
    """

    def __init__(
        self,
        catalog: Catalog,
        run: Run,
        *,
        images: Root | None,
        models: Path | None,
        on_load: Callable[[str, str], None] | None,
        on_missing: Callable[[], None] | None,
    ) -> None:
        self._catalog = catalog
        self._run = run
        self._images = images
        self._models = models
        self._on_load = on_load
        self._on_missing = on_missing
        self.refusal: Refusal | None = None
        self._prepared: dict[str, tuple[asyncio.Task[Serving], float]] = {}  # with its beginning
        self._closing = Errands()
        self._unused = Lendable(Serving.close)

    async def prepare(self, version: str) -> bool:
        """Load a version that is likely to be asked for; return whether that went well.

        It is kept for `load`. A failure is told, and counted, where it is asked for.
        """
        if version not in self._prepared:
            self._prepared[version] = (self._begin(version, check=True), time.monotonic())
        task, _ = self._prepared[version]
        await asyncio.wait({task})
        return task.exception() is None

    def drop_prepared(self, begun_for_s: float = 0.0) -> None:
        """Close what was prepared so many seconds ago or more, and was not asked for."""
        for version, (task, began) in list(self._prepared.items()):
            if time.monotonic() - began >= begun_for_s:
                del self._prepared[version]
                self._closing.begin(self._close(task), "closing")

    async def close(self) -> None:
        """Close what was prepared, as soon as it is loaded."""
        self.drop_prepared()
        await self._closing.finish()
        await asyncio.to_thread(self._unused.shut_down)

    async def load(self, version: str, *, check: bool = True) -> Serving:
        """Open, verify and warm up a bundle, unless that was prepared.

        Args:
            version: which one.
            check: False leaves out what takes long: files that have the size and the date that
                they had when they were last read through count as sound.

        Raises:
            BundleRefused: it cannot be opened or searched, whatever the reason.
            StoreUnavailable: the server that holds the gallery does not answer.
        """
        prepared, _ = self._prepared.pop(version, (None, None))
        try:
            serving = await (prepared or self._begin(version, check))
        except BundleRefused as error:
            raise self.refuse(version, error.reason) from error
        except StoreUnavailable:
            raise  # says nothing about the bundle
        except Exception as error:
            # Exchanged weights, a disk that fails, a library that chokes: the old one goes on.
            logger.debug("bundle %s failed to load", version, exc_info=True)
            raise self.refuse(version, str(error) or type(error).__name__) from error
        self.refusal = None
        self._tell(version, "live")
        return serving

    def refuse(self, version: str, reason: str) -> BundleRefused:
        """Remember, log and count a refusal; return the error to raise."""
        self.refusal = Refusal(version, reason)
        logger.error("%s", self.refusal)
        self._tell(version, "refused")
        return BundleRefused(version, reason)

    def _begin(self, version: str, check: bool) -> asyncio.Task[Serving]:
        return asyncio.create_task(asyncio.to_thread(self._open, version, check), name="loading")

    async def _close(self, task: asyncio.Task[Serving]) -> None:
        await asyncio.wait({task})
        if task.exception() is None:
            self._unused.replace(task.result())
            self._unused.replace(None)  # nobody has a lease: this closes it

    def _open(self, version: str, check: bool) -> Serving:
        if check:
            self._catalog.check(version)
        bundle = self._catalog.open(version, root=self._images)
        return open_serving(bundle, self._run, models=self._models, on_missing=self._on_missing)

    def _tell(self, version: str, outcome: str) -> None:
        if self._on_load:
            self._on_load(version, outcome)
