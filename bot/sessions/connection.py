"""A client of the Redis that a setting names: one server, or the master that Sentinel names."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

AT_ONCE = 16
"""Turns that run at once in one process: enough to fill a batch of the encoder."""

# Each turn needs one connection at a time, and now and then one to renew its lock.
_CONNECTIONS = AT_ONCE + 8
_CONNECT_TIMEOUT_S = 1.0
_COMMAND_TIMEOUT_S = 2.0


def connect(url: str, connections: int = _CONNECTIONS) -> redis.asyncio.Redis:
    """Return a client that says within seconds that Redis is away, and reconnects by itself.

    Args:
        url: redis://, rediss:// or unix:// as redis-py takes it, or
            redis+sentinel://user:password@host:port,host:port/database/service.
        connections: most at once; whoever needs another waits for one, within the time-out.
    """
    timeouts: dict[str, Any] = {
        "socket_connect_timeout": _CONNECT_TIMEOUT_S,
        "socket_timeout": _COMMAND_TIMEOUT_S,
    }
    # One more try where a pooled connection is left over from before a restart of Redis; none
    # after a time-out, which would only double the wait.
    retry = Retry(NoBackoff(), 1, supported_errors=(redis.exceptions.ConnectionError,))
    if url.startswith("redis+sentinel:"):
        hosts, service, given = _parse_sentinels(url)
        sentinel = redis.asyncio.Sentinel(hosts, sentinel_kwargs=timeouts)  # type: ignore[no-untyped-call]
        # Its pool has no place to wait in: those who come when all is taken get an error.
        master: redis.asyncio.Redis = sentinel.master_for(service, retry=retry, **timeouts, **given)
        return master
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url, max_connections=connections, timeout=_COMMAND_TIMEOUT_S, retry=retry, **timeouts
    )
    return redis.asyncio.Redis.from_pool(pool)


def _parse_sentinels(url: str) -> tuple[list[tuple[str, int]], str, dict[str, Any]]:
    """Return where the Sentinels answer, the name of the service, and what its Redis is told."""
    parts = urlsplit(url)
    database, service = parts.path.strip("/").split("/")
    given: dict[str, Any] = {"db": int(database)}
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    if login:
        given |= {"username": unquote(user) or None, "password": unquote(password)}
    addresses = [host.rpartition(":") for host in hosts.split(",")]
    return [(host, int(port)) for host, _, port in addresses], service, given
