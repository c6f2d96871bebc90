"""Which picture would have been right for what was asked, as whoever runs the chat says."""

from __future__ import annotations

import logging
import time

from pydantic import BaseModel, Field, ValidationError
from redis.asyncio import Redis

logger = logging.getLogger(__name__)

_KEY = "showtell:corrections"
MOST = 10_000
"""So many are kept; they are downloaded long before."""


class Correction(BaseModel):
    """A caption for a picture, made from a question.

    Attributes:
        question: its id.
        image: id of the right picture.
        path: of its file, below the gallery's folder.
        caption: what it shows, in the words that should find it.
        at: when, seconds since 1970.
    """

    question: str
    image: str
    path: str
    caption: str
    at: float = Field(default_factory=time.time)


class Corrections:
    """Keeps corrections in Redis until they are removed: they are the operator's own words.

    Every method raises RedisError or OSError where Redis cannot be asked.

    Args:
        client: its owner closes it.
    """

    def __init__(self, client: Redis) -> None:
        self._redis = client

    async def all(self) -> list[Correction]:
        """Return all, oldest first."""
        corrections = map(_correction_of, await self._redis.hvals(_KEY))
        return sorted(filter(None, corrections), key=lambda one: one.at)

    async def save(self, correction: Correction) -> bool:
        """Keep one, in the place of another of its question; False where there are too many."""
        count = await self._redis.hlen(_KEY)
        if count >= MOST and not await self._redis.hexists(_KEY, correction.question):
            return False
        await self._redis.hset(_KEY, correction.question, correction.model_dump_json())
        return True

    async def remove(self, question: str) -> bool:
        """Remove that of a question; False where there is none."""
        return bool(await self._redis.hdel(_KEY, question))


def _correction_of(kept: bytes | str) -> Correction | None:
    """Return a correction; None where another version of the program wrote it."""
    try:
        return Correction.model_validate_json(kept)
    except ValidationError as error:
        count = error.error_count()
        logger.warning("a correction cannot be read and is left out: %d errors", count)
        return None
