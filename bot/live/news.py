"""How workers tell each other that another bundle is live: a word over Redis, else by looking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

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
    while redis is not None:
        try:
            async with redis.pubsub() as pubsub:
                await pubsub.subscribe(CHANNEL)
                while True:
                    message = await pubsub.get_message(timeout=poll_s)
                    yield message is not None and message["type"] == "message"
        except (RedisError, OSError) as error:
            logger.debug("no word from Redis: %s", error)
            await asyncio.sleep(poll_s)
            yield False
    while True:
        await asyncio.sleep(poll_s)
        yield False
