"""Run the server: a Redis of its own where none is named, then uvicorn."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from typing import Any

import uvicorn

from bot.errors import BotError
from bot.server.embedded_redis import EmbeddedRedis
from bot.server.logs import log_config
from bot.settings import Settings


class NoBundlesDirectory(BotError):
    """The directory that should hold the bundles is not there."""


def run_server(
    settings: Settings, *, only_actions: bool = False, say: Callable[[str], None] = print
) -> None:
    """Serve until interrupted.

    The Redis that is started here belongs to this process, not to a worker: all workers share it,
    and it ends with the last of them.

    Args:
        settings: What to serve, where.
        only_actions: Serve the Rasa action server alone.
        say: Tells the operator what is going on.

    Raises:
        NoBundlesDirectory: There is none where the settings say.
    """
    # One that is there but empty is waited for: the first bundle may be on its way.
    if settings.bundles is None or not settings.bundles.is_dir():
        raise NoBundlesDirectory(
            f"there is no bundles directory {str(settings.bundles)!r}; make one with "
            "`showtell index`, or try `showtell demo`"
        )
    with ExitStack() as stack:
        if settings.redis_url is None:
            redis = stack.enter_context(EmbeddedRedis(settings.data_dir / "redis"))
            settings = settings.model_copy(update={"redis_url": redis.url})
        say(f"Starting on {settings.base_url} …")
        options: dict[str, Any] = {
            "host": settings.host,
            "port": settings.port,
            "log_config": log_config(settings.log_level),
            "server_header": False,
            # A long poll of Socket.IO would hold up the end for half a minute.
            "timeout_graceful_shutdown": 10,
        }
        if settings.workers == 1:
            from bot.server.app import create_app

            uvicorn.run(create_app(settings, only_actions=only_actions), **options)
        else:
            os.environ.update(settings.as_environment())
            # Before the workers import anything: each writes its counts there, /metrics adds up.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = stack.enter_context(
                TemporaryDirectory(prefix="showtell-metrics-")
            )
            factory = (
                "bot.server.app:create_action_app" if only_actions else "bot.server.app:create_app"
            )
            uvicorn.run(factory, factory=True, workers=settings.workers, **options)
