"""A client of the Redis that a setting names: one server, Sentinel's master, or a cluster."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import redis.asyncio
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException

AT_ONCE = 16
"""Turns that run at once in one process: enough to fill a batch of the encoder."""

# Each turn needs one connection at a time, and now and then one to renew its lock.
_CONNECTIONS = AT_ONCE + 8
_CONNECT_TIMEOUT_S = 1.0
_COMMAND_TIMEOUT_S = 2.0
_CLUSTER = "+cluster://"


def connect(url: str, connections: int = _CONNECTIONS) -> redis.asyncio.Redis:
    """Return a client that says within seconds that Redis is away, and reconnects by itself.

    Args:
        url: redis://, rediss:// or unix:// as redis-py takes it;
            redis+sentinel://user:password@host:port,host:port/database/service, with
            ?sentinel_password=… where Sentinel has a password of its own; or
            redis+cluster://user:password@host:port,host:port, also rediss+cluster://, of which
            any node will do.
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
        hosts, service, given, own = _parse_sentinels(url)
        sentinel = redis.asyncio.Sentinel(hosts, sentinel_kwargs=timeouts | own)  # type: ignore[no-untyped-call]
        # Its pool has no place to wait in: those who come when all is taken get an error.
        master: redis.asyncio.Redis = sentinel.master_for(service, retry=retry, **timeouts, **given)
        return master
    if _CLUSTER in url:
        first, others = _parse_nodes(url)
        cluster = _Cluster.from_url(
            first, startup_nodes=others, max_connections=connections, retry=retry, **timeouts
        )
        # Not the same class, but it has the commands that we use.
        return cast("redis.asyncio.Redis", cluster)
    pool = redis.asyncio.BlockingConnectionPool.from_url(
        url, max_connections=connections, timeout=_COMMAND_TIMEOUT_S, retry=retry, **timeouts
    )
    return redis.asyncio.Redis.from_pool(pool)


def is_cluster(client: object) -> bool:
    """Tell whether keys that belong together need a name that puts them on one node."""
    return isinstance(client, RedisCluster)


class _Cluster(RedisCluster):
    """A cluster whose failures are those of one Redis: redis-py's own are no `RedisError`."""

    async def initialize(self, *args: Any, **kwargs: Any) -> RedisCluster:
        try:
            return await super().initialize(*args, **kwargs)
        except RedisClusterException as error:
            raise redis.exceptions.ConnectionError(str(error)) from error

    async def aclose(self) -> None:
        await super().aclose()
        # Which leaves connections open where it last failed to learn who keeps what.
        for nodes in ("nodes_cache", "startup_nodes"):
            await self.nodes_manager.aclose(nodes)

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().execute_command(*args, **kwargs)
        except RedisClusterException as error:
            raise redis.exceptions.ConnectionError(str(error)) from error


def _parse_sentinels(
    url: str,
) -> tuple[list[tuple[str, int]], str, dict[str, Any], dict[str, Any]]:
    """Return the Sentinels, the name of the service, what its Redis is told, what they are told."""
    parts = urlsplit(url)
    database, service = parts.path.strip("/").split("/")
    given: dict[str, Any] = {"db": int(database)}
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    if login:
        given |= {"username": unquote(user) or None, "password": unquote(password)}
    addresses = [host.rpartition(":") for host in hosts.split(",")]
    own = {name.removeprefix("sentinel_"): value for name, value in parse_qsl(parts.query)}
    return [(host, int(port)) for host, _, port in addresses], service, given, own


def _parse_nodes(url: str) -> tuple[str, list[ClusterNode]]:
    """Return the address of the first node, as redis-py takes it, and the other nodes."""
    parts = urlsplit(url.replace(_CLUSTER, "://"))
    login, at, hosts = parts.netloc.rpartition("@")
    first, *others = hosts.split(",")
    addresses = [host.rpartition(":") for host in others]
    nodes = [ClusterNode(host, int(port)) for host, _, port in addresses]
    return parts._replace(netloc=f"{login}{at}{first}").geturl(), nodes
