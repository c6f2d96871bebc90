"""What `showtell mcp` does: the tools over standard input and output, for one client."""

from __future__ import annotations

import asyncio
import logging.config
import uuid
from contextlib import ExitStack

from bot.channels.mcp import create_mcp_server
from bot.server.app import create_api
from bot.server.embedded_redis import EmbeddedRedis
from bot.server.errors import explain
from bot.server.logs import log_config
from bot.server.run import check_bundles
from bot.settings import Settings


def run_mcp(settings: Settings) -> None:
    """Answer the client that started this process, until it closes standard input.

    Raises:
        NoBundlesDirectory: there is none where the settings say.
        EmbeddedRedisError: no Redis is named and none can be started.
    """
    check_bundles(settings)
    logging.config.dictConfig(log_config(settings.log_level))
    with ExitStack() as stack:
        if settings.redis_url is None:
            redis = stack.enter_context(EmbeddedRedis(settings.data_dir / "redis"))
            settings = settings.model_copy(update={"redis_url": redis.url})
        asyncio.run(_answer(settings))


async def _answer(settings: Settings) -> None:
    """Open what the server's app opens, without a port."""
    api = create_api(settings)
    async with api.router.lifespan_context(api):
        server = create_mcp_server(
            lambda: api.state.services,
            lambda error: explain(error, api.state.project),
            session=f"mcp-{uuid.uuid4().hex}",
        )
        await server.run_stdio_async()
