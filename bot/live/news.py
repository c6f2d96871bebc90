"""How workers swap bundles together: a word over Redis, else by looking at CURRENT.

The worker that is asked for a swap tells all of them to load the version, waits until each has
answered, and publishes it: then they need only exchange what lies ready.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

CHANNEL = "showtell:bundle"
_LOAD = "load"
_LOOK_S = 0.5


@dataclass(frozen=True)
class Look:
    """It is time to look which version is live.

    Attributes:
        told: another worker says so; False where some time has passed.
    """

    told: bool


@dataclass(frozen=True)
class GetReady:
    """A version will be live soon: it is time to load it.

    Attributes:
        version: which one.
        asker: the channel on which the answer is waited for, see `tell_of_readiness`.
    """

    version: str
    asker: str


async def tell_of_swap(redis: Redis | None, version: str) -> None:
    """Tell the other workers at once; should that fail, they find out by looking at CURRENT."""
    await _publish(redis, CHANNEL, version)


async def tell_of_readiness(redis: Redis | None, asker: str) -> None:
    """Answer who told to get ready: the version is loaded, or never will be."""
    await _publish(redis, asker, "ready")


@asynccontextmanager
async def all_get_ready(
    redis: Redis | None, version: str
) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
    """Tell all workers, this one too, to load a version; when the block ends, tell them to look.

    Yields:
        What waits for the answers of all of them, for so many seconds at most.
    """
    if redis is None:
        yield _wait_for_nobody
        return
    channel = f"{CHANNEL}:{uuid.uuid4().hex}"
    async with aclosing(words_on(redis, channel, _LOOK_S)) as answers:
        await anext(answers)  # nobody answers before this worker hears it
        asked = await _publish(redis, CHANNEL, f"{_LOAD} {version} {channel}")

        async def wait(patience_s: float) -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    for _ in range(asked):
                        while await anext(answers) is None:
                            pass

        try:
            yield wait
        finally:
            await tell_of_swap(redis, version)


async def _wait_for_nobody(_: float) -> None:
    """There is no other worker."""


async def news_of_swaps(redis: Redis | None, poll_s: float) -> AsyncGenerator[Look | GetReady]:
    """Say when to load a version and when to look at CURRENT, without an end.

    Args:
        redis: brings the word of other workers; None when there are none.
        poll_s: longest time between two looks, in seconds.

    Yields:
        What was said, and a look that nobody told of at least every `poll_s` seconds, Redis or no
        Redis.
    """
    if redis is not None:
        async with aclosing(words_on(redis, CHANNEL, poll_s)) as words:
            async for word in words:
                yield _read(word)
    while True:
        await asyncio.sleep(poll_s)
        yield Look(told=False)


def _read(word: bytes | None) -> Look | GetReady:
    match word.decode().split() if word else ():
        case [kind, version, asker] if kind == _LOAD:
            return GetReady(version, asker)
        case _:
            return Look(told=word is not None)


async def words_on(redis: Redis, channel: str, poll_s: float) -> AsyncGenerator[bytes | None]:
    """Hear what is published on a channel of Redis, without an end, whatever Redis does.

    Args:
        redis: gives a connection of its own for as long as this goes on.
        channel: its name.
        poll_s: longest silence, in seconds.

    Yields:
        Each word, and None where there was none for `poll_s` seconds, or Redis is away.
    """
    while True:
        try:
            async with redis.pubsub() as pubsub:
                await pubsub.subscribe(channel)
                while True:
                    message = await pubsub.get_message(timeout=poll_s)
                    is_word = message is not None and message["type"] == "message"
                    yield message["data"] if is_word else None
        except (RedisError, OSError) as error:
            logger.debug("no word from Redis: %s", error)
            await asyncio.sleep(poll_s)
            yield None


async def _publish(redis: Redis | None, channel: str, word: str) -> int:
    """Return how many heard it: none where Redis is away, for they find out by looking."""
    if redis is None:
        return 0
    try:
        return int(await redis.publish(channel, word))
    except (RedisError, OSError) as error:
        logger.warning("other workers find the live bundle by looking: %s", error)
        return 0
