"""Sessions in a real Redis Cluster of three nodes."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis

from bot.desk.figures import _count_sessions
from bot.errors import SessionsUnavailable
from bot.live.news import CHANNEL, tell_of_swap, words_on
from bot.server.embedded_redis import find_redis_server
from bot.server.readiness import Readiness
from bot.sessions.connection import connect
from bot.settings import load_settings
from tests.e2e.conftest import free_port
from tests.fixtures.redis import store_at, wait_until

SLOTS = 16_384
SENDERS = ["anna", "{", "}", "{}", "{}anna", "a{b}c", "}{", "é 🎈", *(f"s{n}" for n in range(12))]


@dataclass
class Node:
    """A node of a cluster, to be killed and started as a test likes."""

    folder: Path
    port: int = field(default_factory=free_port)
    bus: int = field(default_factory=free_port)

    def start(self) -> None:
        options = {
            "port": self.port,
            "cluster-enabled": "yes",
            "cluster-port": self.bus,
            "cluster-config-file": f"nodes{self.port}.conf",
            "cluster-node-timeout": 500,
            "requirepass": "hush",
            "save": "",
            "dir": self.folder,
        }
        given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        self.process = subprocess.Popen([find_redis_server(), *given], stdout=subprocess.DEVNULL)
        wait_until(lambda: self.ask("PING") is not None, "a node did not start")

    def ask(self, *command: str | int) -> Any:
        """Return what it answers; None while it does not."""
        with (
            suppress(redis.exceptions.RedisError),
            redis.Redis(port=self.port, password="hush") as client,
        ):
            return client.execute_command(*command)
        return None

    def is_sound(self) -> bool:
        return (self.ask("CLUSTER INFO") or {}).get("cluster_state") == "ok"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    """Three nodes that share the slots."""
    folder = tmp_path_factory.mktemp("cluster")
    nodes = [Node(folder) for _ in range(3)]
    with ExitStack() as stack:
        for number, node in enumerate(nodes):
            node.start()
            stack.callback(node.kill)
            first, last = (SLOTS * one // 3 for one in (number, number + 1))
            node.ask("CLUSTER ADDSLOTSRANGE", first, last - 1)
            node.ask("CLUSTER MEET", "127.0.0.1", nodes[0].port, nodes[0].bus)
        for node in nodes:
            wait_until(node.is_sound, "the nodes did not find each other")
        yield nodes


@pytest.fixture
def cluster_url(nodes: list[Node]) -> str:
    addresses = ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    return load_settings(redis_url=f"valkey+cluster://:hush@{addresses}").redis_url or ""


def test_turns_of_every_sender_are_kept_and_counted_on_the_node_of_the_sender(
    cluster_url: str,
) -> None:
    async def play() -> None:
        async with store_at(cluster_url) as store:
            for _ in range(2):
                for sender in SENDERS:
                    async with store.turn(sender) as record:
                        record.turn += 1
            for sender in SENDERS:
                assert (await store.read(sender))[0].turn == 2
        async with connect(cluster_url) as client:
            assert await _count_sessions(client) == (len(SENDERS), False)

    asyncio.run(play())


def test_a_swap_is_told_to_servers_that_listen_at_any_node(cluster_url: str) -> None:
    async def play() -> None:
        async with (
            connect(cluster_url) as ours,
            connect(cluster_url) as theirs,
            aclosing(words_on(theirs, CHANNEL, 0.1)) as words,
        ):
            assert await anext(words) is None  # it listens by now
            await tell_of_swap(ours, "0002-abc")
            async with asyncio.timeout(30):
                assert b"0002-abc" in [word async for word in _until_a_word(words)]

    asyncio.run(play())


async def _until_a_word(words: AsyncIterator[bytes | None]) -> AsyncIterator[bytes]:
    async for word in words:
        if word is not None:
            yield word
            return


def test_turns_are_refused_while_a_node_is_away_and_kept_when_it_is_back(
    nodes: list[Node], cluster_url: str
) -> None:
    async def play() -> None:
        async with store_at(cluster_url) as store:
            ready = Readiness(cluster_url)
            async with store.turn("anna"):
                assert await ready.problem() is None
            nodes[1].kill()
            wait_until(lambda: not nodes[0].is_sound(), "nobody misses it")
            with pytest.raises(SessionsUnavailable):
                async with store.turn("anna"):
                    pytest.fail("the turn began")
            assert "Redis" in (await ready.problem() or "")
            nodes[1].start()
            for node in nodes:
                wait_until(node.is_sound, "it does not come back")
            async with store.turn("anna"):
                assert await ready.problem() is None
            await ready.close()

    asyncio.run(play())
