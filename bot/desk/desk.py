"""What the desk's routes share, beside what all routes do."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from fastapi import Request
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.desk.corrections import Corrections
from bot.desk.indexing import Indexing
from bot.desk.space import Space
from bot.errors import SessionsUnavailable
from bot.live.bundle import LiveBundle
from bot.sessions.questions import QuestionLog
from bot.settings import Settings
from retrieval.bundle.catalog import Catalog

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Desk:
    """What the desk's routes share; made and closed by the app's lifespan.

    Attributes:
        catalog: of the gallery.
        redis: of the sessions.
        questions: what was searched for.
        corrections: which pictures would have been right.
        indexing: the one job that makes a new version.
        space: the map of the pictures.
    """

    catalog: Catalog
    redis: Redis
    questions: QuestionLog
    corrections: Corrections
    indexing: Indexing
    space: Space


@asynccontextmanager
async def open_desk(
    settings: Settings, catalog: Catalog, redis: Redis, live: LiveBundle, questions: QuestionLog
) -> AsyncIterator[Desk]:
    """Give what the routes share; a job that runs at the end is stopped."""
    indexing = Indexing(settings, redis, live)
    try:
        yield Desk(
            catalog=catalog,
            redis=redis,
            questions=questions,
            corrections=Corrections(redis),
            indexing=indexing,
            space=Space(settings.data_dir / "maps"),
        )
    finally:
        await indexing.stop()


@contextmanager
def asking_redis() -> Iterator[None]:
    """Turn failures of Redis into what every route answers then.

    Raises:
        SessionsUnavailable: Redis cannot be asked.
    """
    try:
        yield
    except (RedisError, OSError) as error:
        logger.error("the desk cannot ask Redis: %s", error)
        raise SessionsUnavailable(
            "Redis cannot be reached at the moment. Please try again shortly."
        ) from error


async def desk(request: Request) -> Desk:
    """Return what this request's app shares (a FastAPI dependency)."""
    found: Desk = request.app.state.desk
    return found
