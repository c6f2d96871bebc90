import asyncio
from contextlib import suppress

import pytest

from bot.live.tasks import BackgroundTask


async def wait_until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - nothing to be notified by
            await asyncio.sleep(0.001)


def test_a_failure_is_told_logged_and_followed_by_another_try(caplog):
    tries, told = [], []

    async def fail_twice():
        tries.append(1)
        if len(tries) < 3:
            raise OSError(5, "Input/output error")
        while True:
            yield
            await asyncio.sleep(0.001)

    async def scenario():
        task = BackgroundTask("looking", fail_twice, pause_s=0.001, on_failure=told.append)
        task.start()
        await wait_until(lambda: told)
        assert task.failure == "OSError: [Errno 5] Input/output error"
        await wait_until(lambda: task.failure is None)
        await task.stop()

    asyncio.run(scenario())
    assert told == ["looking", "looking"]
    assert "looking failed" in caplog.text


def test_work_that_ends_by_itself_is_begun_again():
    begun = []

    async def end_at_once():
        begun.append(1)
        yield

    async def scenario():
        task = BackgroundTask("looking", end_at_once, pause_s=0.001)
        task.start()
        await wait_until(lambda: len(begun) > 2)
        await task.stop()

    asyncio.run(scenario())


@pytest.mark.parametrize("swallowed", [1, 5])
def test_it_stops_although_a_library_swallows_cancellations(swallowed):
    async def swallow():
        for _ in range(swallowed):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        await asyncio.sleep(60)
        yield

    async def scenario():
        task = BackgroundTask("connecting", swallow)
        task.start()
        await asyncio.sleep(0)
        async with asyncio.timeout(30):
            await task.stop()
        assert not [other for other in asyncio.all_tasks() if other.get_name() == "connecting"]

    asyncio.run(scenario())


def test_one_that_was_never_started_can_be_stopped():
    async def never():
        yield

    asyncio.run(BackgroundTask("idle", never).stop())
