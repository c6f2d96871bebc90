"""What a sender meets when Redis or a server fails in the middle of it, and that it heals."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from bot.errors import SessionsUnavailable
from bot.server.embedded_redis import EmbeddedRedis
from bot.sessions.store import SessionStore
from tests.fixtures.redis import pid_of, store_at

ROOT = Path(__file__).parents[3]


async def count_turn(store: SessionStore, sender: str = "anna") -> int:
    async with store.turn(sender) as record:
        record.turn += 1
        return record.turn


@pytest.mark.parametrize(
    ("break_it", "mend_it"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
        (("CLIENT", "PAUSE", "60000", "WRITE"), ("CLIENT", "UNPAUSE")),
    ],
    ids=["full", "read-only", "paused"],
)
def test_a_turn_that_redis_does_not_keep_is_refused_and_changes_nothing(
    own_redis: EmbeddedRedis, break_it: tuple[str, ...], mend_it: tuple[str, ...]
) -> None:
    async def play() -> None:
        async with store_at(own_redis.url) as store:
            assert await count_turn(store) == 1
            with redis.Redis.from_url(own_redis.url) as client:
                client.execute_command(*break_it)
                with pytest.raises(SessionsUnavailable):
                    await count_turn(store)
                client.execute_command(*mend_it)
            assert await count_turn(store) == 2

    asyncio.run(play())


@pytest.mark.parametrize(
    "break_it",
    [("CONFIG", "SET", "maxmemory", "1"), ("REPLICAOF", "127.0.0.1", "1"), ("FLUSHALL",)],
    ids=["full", "read-only", "emptied"],
)
def test_what_happens_in_mid_turn_saves_nothing_and_the_next_turn_is_fine(
    own_redis: EmbeddedRedis, break_it: tuple[str, ...]
) -> None:
    async def play() -> None:
        async with store_at(own_redis.url) as store:
            assert await count_turn(store) == 1
            with redis.Redis.from_url(own_redis.url) as client:

                async def broken() -> None:
                    async with store.turn("anna") as record:
                        record.turn = 99
                        client.execute_command(*break_it)

                with pytest.raises(SessionsUnavailable):
                    await broken()
                client.execute_command("CONFIG", "SET", "maxmemory", "0")
                client.execute_command("REPLICAOF", "NO", "ONE")
            # Emptied, it begins anew; else it goes on where it was.
            assert await count_turn(store) == (1 if break_it == ("FLUSHALL",) else 2)

    asyncio.run(play())


def test_a_session_that_a_full_redis_threw_away_begins_anew(own_redis: EmbeddedRedis) -> None:
    async def play() -> None:
        with redis.Redis.from_url(own_redis.url) as client:
            used = int(client.info("memory")["used_memory"])
            client.config_set("maxmemory-policy", "allkeys-lru")
            client.config_set("maxmemory", used + 300_000)
            async with store_at(own_redis.url) as store:
                for number in range(300):
                    async with store.turn(f"sender-{number}") as record:
                        assert record.turn == 0
                        record.turn = 1
                        record.uploads = {"a": "x" * 5_000}
                turns = [await count_turn(store, f"sender-{number}") for number in range(10)]
                assert turns == [1] * 10  # the oldest are gone
                assert client.info("stats")["evicted_keys"] > 0

    asyncio.run(play())


def test_a_wrong_password_is_no_turn_and_no_trace_of_it(
    own_redis: EmbeddedRedis, caplog: pytest.LogCaptureFixture
) -> None:
    async def play() -> None:
        with redis.Redis.from_url(own_redis.url) as client:
            client.config_set("requirepass", "right")
        async with store_at(f"{own_redis.url}?password=wr0ng") as store:
            with pytest.raises(SessionsUnavailable) as refused:
                await count_turn(store)
            assert "wr0ng" not in str(refused.value)
        async with store_at(f"{own_redis.url}?password=right") as store:
            assert await count_turn(store) == 1

    asyncio.run(play())
    assert "wr0ng" not in caplog.text


HOLD = """
import asyncio, sys
from bot.sessions.connection import connect
from bot.sessions.store import SessionStore

async def hold(url: str) -> None:
    async with SessionStore(connect(url)).turn("anna") as record:
        record.turn = 99
        print("inside", flush=True)
        await asyncio.sleep(600)

asyncio.run(hold(sys.argv[1]))
"""


def test_a_server_killed_in_mid_turn_leaves_the_sender_free_before_the_wait_ends(
    redis_url: str,
) -> None:
    command = [sys.executable, "-c", HOLD, redis_url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert server.stdout.readline() == "inside\n"
        server.kill()

    async def play() -> int:
        async with store_at(redis_url, lock_timeout_s=5) as store:  # a refusal would fail the test
            return await count_turn(store)

    assert asyncio.run(play()) == 1


def test_a_turn_cut_off_by_a_killed_redis_holds_its_sender_up_for_no_longer(
    own_redis: EmbeddedRedis,
) -> None:
    async def play() -> None:
        async with store_at(own_redis.url, lock_timeout_s=5) as store:

            async def cut_off() -> None:
                async with store.turn("anna") as record:
                    record.turn = 99
                    os.kill(pid_of(own_redis), signal.SIGKILL)

            with pytest.raises(SessionsUnavailable):
                await cut_off()
            refusals = []
            async with asyncio.timeout(60):
                while not refusals or refusals[-1]:
                    try:
                        assert await count_turn(store) == 1
                        refusals.append("")
                    except SessionsUnavailable as error:
                        refusals.append(str(error))
                        await asyncio.sleep(0.05)
            # Until Redis is back, with the old lock; that one is waited for and then taken over.
            assert not [refusal for refusal in refusals if "earlier message" in refusal]

    asyncio.run(play())


def test_a_redis_that_could_write_half_a_turn_only_comes_back_without_it(
    own_redis: EmbeddedRedis,
) -> None:
    """As on a full disk: the last write is cut off in the middle, and Redis ends."""

    async def play() -> None:
        async with store_at(own_redis.url) as store:
            assert await count_turn(store) == 1
            (log,) = own_redis.data_dir.glob("appendonlydir/*.incr.aof")
            room = log.stat().st_size + 100
            resource.prlimit(pid_of(own_redis), resource.RLIMIT_FSIZE, (room, room))
            with pytest.raises(SessionsUnavailable):
                await count_turn(store)
            async with asyncio.timeout(60):
                while True:
                    try:
                        assert await count_turn(store) == 2
                        break
                    except SessionsUnavailable:
                        await asyncio.sleep(0.05)

    asyncio.run(play())


def test_a_clock_that_is_set_back_costs_no_turn(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play() -> list[int]:
        async with store_at(redis_url) as store:
            first = await count_turn(store)
            now = time.time()
            monkeypatch.setattr(time, "time", lambda: now - 365 * 86_400)
            return [first, await count_turn(store), await count_turn(store)]

    assert asyncio.run(play()) == [1, 2, 3]
    with redis.Redis.from_url(redis_url) as client:
        assert client.ttl("showtell:session:anna") > 29 * 86_400
