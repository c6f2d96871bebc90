"""Several workers swap bundles together: over a real Redis, and in processes of their own."""

import asyncio
import multiprocessing
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from bot.live import bundle as live_bundle
from bot.live.bundle import LiveBundle
from bot.live.news import CHANNEL
from bot.sessions.connection import connect
from retrieval.bundle.bundle import Bundle, current_version, list_versions, publish
from retrieval.bundle.catalog import BundleCatalog
from retrieval.errors import BundleRefused

NEVER_S = 600.0


class Watched(BundleCatalog):
    """Notes what is opened; does something before a version is read through.

    Args:
        bundles: the directory.
        version: which one; loads of others go on as usual.
        before: called first.
    """

    def __init__(self, bundles: Path, version: str = "", before=lambda: None) -> None:
        super().__init__(bundles)
        self.version, self.before = version, before
        self.opened: list[Bundle] = []

    def check(self, version: str) -> None:
        if version == self.version:
            self.before()
        super().check(version)

    def open(self, version=None, *, root=None):
        bundle = super().open(version, root=root)
        self.opened.append(bundle)
        return bundle

    @property
    def versions_opened(self) -> list[str]:
        return [bundle.version for bundle in self.opened]


@asynccontextmanager
async def workers(url: str, *catalogs: BundleCatalog, poll_s: float = NEVER_S) -> AsyncIterator:
    """Run a worker for each catalog; each listens to the others when the block begins."""
    async with AsyncExitStack() as stack:
        started = []
        for catalog in catalogs:
            redis = await stack.enter_async_context(connect(url))
            started.append(LiveBundle(catalog, redis=redis, poll_s=poll_s))
            await started[-1].start()
            stack.push_async_callback(started[-1].stop)
        await until_heard_by(redis, len(catalogs))
        yield started


async def until_heard_by(redis, count: int) -> None:
    async with asyncio.timeout(30):
        while (await redis.pubsub_numsub(CHANNEL))[0][1] < count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def until_all_serve(version: str, *live: LiveBundle) -> None:
    async with asyncio.timeout(30):
        while {one.version for one in live} != {version}:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def follow(bundles: Path, url: str, version: str, barrier, told) -> None:
    """Run a worker in this process until it serves a version."""

    async def run() -> None:
        async with workers(url, Watched(bundles, version, lambda: barrier.wait(60))) as [live]:
            told.send("listens")
            await until_all_serve(version, live)
            told.send(live.version)

    asyncio.run(run())


def test_two_processes_load_at_the_same_time(three_bundles, redis_url):
    second = list_versions(three_bundles)[1]
    spawn = multiprocessing.get_context("spawn")
    barrier, (hears, told) = spawn.Barrier(2), spawn.Pipe(duplex=False)
    other = spawn.Process(target=follow, args=(three_bundles, redis_url, second, barrier, told))
    other.start()

    async def scenario():
        # Neither is loaded before the other has begun to load: the barrier would break.
        async with workers(redis_url, Watched(three_bundles, second, lambda: barrier.wait(60))) as [
            live
        ]:
            assert await asyncio.to_thread(hears.recv) == "listens"
            assert await live.reload(second) == second
            assert await asyncio.to_thread(hears.recv) == second

    asyncio.run(scenario())
    other.join(60)
    assert other.exitcode == 0


def test_nothing_is_published_before_all_are_ready_and_nobody_loads_twice(three_bundles, redis_url):
    first, second, _ = list_versions(three_bundles)
    goes_on = threading.Event()

    async def scenario():
        quick, slow = Watched(three_bundles), Watched(three_bundles, second, goes_on.wait)
        async with workers(redis_url, quick, slow) as [asked, other]:
            reload = asyncio.create_task(asked.reload(second))
            while second not in quick.versions_opened:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.2)
            assert not reload.done()
            assert current_version(three_bundles) == asked.version == other.version == first
            goes_on.set()
            assert await reload == second
            await until_all_serve(second, asked, other)
        assert quick.versions_opened == slow.versions_opened == [first, second]

    asyncio.run(scenario())


def test_a_worker_that_takes_too_long_is_not_waited_for_and_follows(
    three_bundles, redis_url, monkeypatch
):
    first, second, _ = list_versions(three_bundles)
    goes_on = threading.Event()
    monkeypatch.setattr(live_bundle, "_OTHERS_MORE_S", 0.0)

    async def scenario():
        slow = Watched(three_bundles, second, goes_on.wait)
        async with workers(redis_url, Watched(three_bundles), slow) as [asked, other]:
            assert await asked.reload(second) == second
            assert other.version == first
            goes_on.set()
            await until_all_serve(second, asked, other)
        assert slow.versions_opened == [first, second]

    asyncio.run(scenario())


def test_a_worker_that_cannot_load_keeps_the_old_one_and_nobody_else_from_the_new(
    three_bundles, redis_url
):
    first, second, third = list_versions(three_bundles)

    def fail() -> None:
        raise MemoryError

    async def scenario():
        poor = Watched(three_bundles, second, fail)
        async with workers(redis_url, Watched(three_bundles), poor) as [asked, other]:
            assert await asked.reload(second) == second
            while other.refused is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            assert (asked.version, other.version) == (second, first)
            assert f"{second} is refused" in other.refused
            await asked.reload(third)
            await until_all_serve(third, asked, other)
            assert other.refused is None

    asyncio.run(scenario())


def test_what_was_prepared_is_closed_where_the_swap_fails(three_bundles, redis_url):
    first, second, _ = list_versions(three_bundles)

    def fail() -> None:
        raise OSError(5, "Input/output error")

    async def scenario():
        able = Watched(three_bundles)
        async with workers(redis_url, Watched(three_bundles, second, fail), able) as [asked, other]:
            with pytest.raises(BundleRefused):
                await asked.reload(second)
            while not any(is_closed(bundle) for bundle in able.opened):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            assert [is_closed(bundle) for bundle in able.opened] == [False, True]
            assert asked.version == other.version == current_version(three_bundles) == first
            assert other.refused is None

    asyncio.run(scenario())


def is_closed(bundle: Bundle) -> bool:
    try:
        bundle.store.get("0" * 16)
    except Exception as error:  # noqa: BLE001
        return "closed" in str(error)
    return False


def test_two_operators_at_once_leave_all_workers_with_one_bundle(three_bundles, redis_url):
    _, second, third = list_versions(three_bundles)

    async def scenario():
        catalogs = [BundleCatalog(three_bundles) for _ in range(2)]
        async with workers(redis_url, *catalogs, poll_s=0.1) as live:
            for _ in range(2):
                await asyncio.gather(live[0].reload(second), live[1].reload(third))
                await until_all_serve(current_version(three_bundles), *live)

    asyncio.run(scenario())


def test_who_hears_and_never_answers_holds_nobody_up_for_long(
    three_bundles, redis_url, monkeypatch
):
    second = list_versions(three_bundles)[1]
    monkeypatch.setattr(live_bundle, "_OTHERS_MORE_S", 0.0)

    async def scenario():
        async with (
            workers(redis_url, BundleCatalog(three_bundles)) as [live],
            connect(redis_url) as redis,
            redis.pubsub() as deaf,
        ):
            await deaf.subscribe(CHANNEL)
            await until_heard_by(redis, 2)
            assert await live.reload(second) == second

    asyncio.run(scenario())


def test_who_sees_what_was_published_by_hand_tells_the_others(three_bundles, redis_url):
    third = list_versions(three_bundles)[2]

    async def scenario():
        async with (
            workers(redis_url, BundleCatalog(three_bundles)) as [other],
            workers(redis_url, BundleCatalog(three_bundles), poll_s=0.1) as [looks],
        ):
            await until_heard_by(looks._redis, 2)
            publish(three_bundles, third)
            await until_all_serve(third, other, looks)

    asyncio.run(scenario())
