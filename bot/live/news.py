"""How workers tell each other that another bundle is live: a word over Redis, else by looking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from redis.asyncio import Redis
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

CHANNEL = "showtell:bundle"


async def tell_of_swap(redis: Redis | None, version: str) -> None:
    """Tell the other workers at once; should that fail, they find out by looking at CURRENT."""
    if redis is None:
        return
    try:
        await redis.publish(CHANNEL, version)
    except (RedisError, OSError) as error:
        logger.warning("other workers find bundle %s by polling: %s", version, error)


async def news_of_swaps(redis: Redis | None, poll_s: float) -> AsyncGenerator[bool]:
    """Say when to look at CURRENT, without an end.

    Args:
        redis: brings the word of other workers; None when there are none.
        poll_s: longest time between two looks, in seconds.

    Yields:
        True for each word, and False at least every `poll_s` seconds, Redis or no Redis.
    """
    if redis is not None:
        async with aclosing(words_on(redis, CHANNEL, poll_s)) as words:
            async for word in words:
                yield word is not None
    while True:
        await asyncio.sleep(poll_s)
        yield False


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
