"""Run the server: its port first, then a Redis of its own where none is named, then uvicorn."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from tempfile import TemporaryDirectory

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from bot.errors import BotError
from bot.server.embedded_redis import EmbeddedRedis
from bot.server.logs import log_config
from bot.server.protocol import HttpProtocol
from bot.settings import Settings

# Connections that wait while the model is loaded, or until a crowd is let in or sent away.
BACKLOG = 4096
# Longer than proxies keep a silent connection (60 s) and than anybody is told to wait: at the 5 s
# of uvicorn's default, who came again after "Retry-After: 5" met the server hanging up.
KEEP_ALIVE_S = 75
STARTUP_FAILED = 3


class AddressTaken(BotError):
    """The server cannot listen where the settings say."""


class NoBundlesDirectory(BotError):
    """The directory that should hold the bundles is not there."""


def run_server(
    settings: Settings, *, only_actions: bool = False, say: Callable[[str], None] = print
) -> None:
    """Serve until interrupted.

    The port is taken before anything is loaded, which takes seconds. The Redis that is started
    here belongs to this process, not to a worker: all workers share it.

    Args:
        settings: what to serve, where.
        only_actions: serve the Rasa action server alone.
        say: tells the operator what is going on.

    Raises:
        NoBundlesDirectory: there is none where the settings say.
        ExtraMissing: SHOWTELL_MCP_TOKEN is set without the package that /mcp needs.
        AddressTaken: another program listens there, or this one may not.
        EmbeddedRedisError: no Redis is named and none can be started.
    """
    check_bundles(settings)
    if settings.mcp_token and not only_actions:
        import bot.channels.mcp  # noqa: F401 - a missing package is told now, not by each worker
    with ExitStack() as stack:
        # uvicorn ends its work and then raises the signal anew: by default that would be the end,
        # without what this stack still has to close.
        before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        stack.callback(signal.signal, signal.SIGTERM, before)
        listener = stack.enter_context(listen(settings.host, settings.port))
        settings = settings.model_copy(update={"port": listener.getsockname()[1]})
        if settings.redis_url is None:
            redis = stack.enter_context(EmbeddedRedis(settings.data_dir / "redis"))
            settings = settings.model_copy(update={"redis_url": redis.url})
        say(f"Starting on {settings.base_url} …")
        if settings.workers == 1:
            _run_here(settings, listener, only_actions=only_actions)
        else:
            os.environ.update(settings.as_environment())
            # Before the workers import anything: each writes its counts there, /metrics adds up.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = stack.enter_context(
                TemporaryDirectory(prefix="showtell-metrics-")
            )
            name = load_action_app.__name__ if only_actions else load_app.__name__
            config = _configure(f"{__name__}:{name}", settings, factory=True)
            Multiprocess(config, sockets=[listener]).run()


def load_app(settings: Settings | None = None, *, only_actions: bool = False) -> ASGIApp:
    """Import and create the application; arguments and errors as of its `create_app`.

    No garbage is collected from here until it has loaded: of a million objects two thousand are
    garbage then, and to look through them over and over took two fifths of a start.
    """
    gc.disable()
    from bot.server.app import create_app

    return create_app(settings, only_actions=only_actions)


def load_action_app() -> ASGIApp:
    """Import and create the action server alone, with settings from the environment."""
    return load_app(only_actions=True)


def check_bundles(settings: Settings) -> None:
    """Refuse settings without a bundles directory, unless the gallery is in a database.

    One that is there but empty is waited for: the first bundle may be on its way.

    Raises:
        NoBundlesDirectory: there is none where the settings say.
    """
    if settings.store is not None:
        return  # versions are waited for there as well
    if settings.bundles is None or not settings.bundles.is_dir():
        raise NoBundlesDirectory(
            f"there is no bundles directory {str(settings.bundles)!r}; make one with "
            "`showtell index`, or try `showtell demo`"
        )


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; who connects waits until the server has loaded.

    Raises:
        AddressTaken: another program listens there, or this one may not.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.create_server((host.strip("[]"), port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise AddressTaken(
            f"cannot listen on {host}, port {port}: {_reason(error)}; stop what runs "
            "there, or choose another port with --port (0 takes a free one)"
        ) from error
    # Connections inherit it. Without it an answer's second packet waits 40 ms for the first to be
    # acknowledged: asyncio sets it only for sockets that name their protocol, which these do not.
    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return server


def proxies(settings: Settings) -> list[str] | str:
    """Return which proxies tell a client's address, as uvicorn takes them."""
    return "*" if "*" in settings.trusted_proxies else list(settings.trusted_proxies)


def _reason(error: OSError) -> str:
    # asyncio and socket add the address to the system's words; a name that is unknown has no errno.
    return os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror)


def _run_here(settings: Settings, listener: socket.socket, *, only_actions: bool) -> None:
    app = load_app(settings, only_actions=only_actions)
    server = uvicorn.Server(_configure(app, settings))
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listener])
    if not server.started and not server.should_exit:
        sys.exit(STARTUP_FAILED)


def _configure(app: ASGIApp | str, settings: Settings, *, factory: bool = False) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=factory,
        workers=settings.workers,
        http=HttpProtocol,
        # Not uvloop: it accepts one connection in each round of the loop, and the turns' threads
        # take the interpreter in between. Asyncio accepts all that wait.
        loop="asyncio",
        backlog=BACKLOG,  # uvicorn listens anew, with 2048 by default
        log_config=log_config(settings.log_level, settings.log_format),
        server_header=False,
        # Of clients behind them X-Forwarded-For tells the address, which rates are counted by.
        forwarded_allow_ips=proxies(settings),
        timeout_keep_alive=KEEP_ALIVE_S,
        # A long poll of Socket.IO would hold up the end for half a minute.
        timeout_graceful_shutdown=10,
    )
