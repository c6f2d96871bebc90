"""Whether turns can be answered, by Redis servers that answer a PING and still keep nothing."""

import asyncio
import os
import re
import signal
import socket
import subprocess

import pytest
import redis

from bot.server.embedded_redis import EmbeddedRedis, find_redis_server
from bot.server.readiness import Readiness
from bot.server.redis_keeper import answers
from tests.fixtures.redis import pid_of, store_at, wait_until


def problem_with(url: str) -> str | None:
    async def ask() -> str | None:
        readiness = Readiness(url)
        try:
            first, second = await asyncio.gather(readiness.problem(), readiness.problem())
            assert first == second, "those who ask at once share one try"
            return first
        finally:
            await readiness.close()

    return asyncio.run(ask())


def test_a_redis_that_keeps_a_turn_is_no_problem(redis_url):
    assert problem_with(redis_url) is None
    with redis.Redis.from_url(redis_url) as client:
        (probe,) = client.keys("*")
        assert 0 < client.ttl(probe) <= 60  # what was tried goes away by itself


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), "refuses to keep a session: .*maxmemory"),
        (("REPLICAOF", "127.0.0.1", "1"), "refuses to keep a session: .*read only replica"),
        (("CONFIG", "SET", "requirepass", "x"), "the password of SHOWTELL_REDIS_URL"),
    ],
    ids=["full", "read-only replica", "password"],
)
def test_a_redis_that_refuses_a_turn_is_named_with_its_reason(own_redis, spoil, reason):
    with redis.Redis.from_url(own_redis.url) as client:
        client.execute_command(*spoil)
    assert re.search(reason, problem_with(own_redis.url) or "")


def test_a_cluster_that_keeps_lock_and_session_apart_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = {"port": port, "cluster-enabled": "yes", "cluster-port": port - 1, "dir": tmp_path}
    command = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
    node = subprocess.Popen([find_redis_server(), *command], stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(port=port) as client:

            def takes_all_slots() -> bool:
                try:
                    return bool(client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383))
                except redis.ConnectionError:
                    return False

            wait_until(takes_all_slots, "the cluster did not start")
            wait_until(lambda: b"ok" in client.cluster("info")["cluster_state"].encode(), "state")
        assert "same slot" in (problem_with(f"redis://127.0.0.1:{port}") or "")
    finally:
        node.kill()
        node.wait()


def test_a_redis_that_hangs_is_told_before_its_time_out(own_redis: EmbeddedRedis):
    pid = pid_of(own_redis)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert problem_with(own_redis.url) == "Redis does not answer in time"
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_try_that_redis_broke_off_does_not_stand_in_the_way_of_the_next(own_redis):
    async def ask() -> tuple[str | None, str | None]:
        readiness = Readiness(own_redis.url)
        try:
            await readiness.problem()
            os.kill(pid := pid_of(own_redis), signal.SIGSTOP)
            broken_off = await readiness.problem()
            os.kill(pid, signal.SIGKILL)
            await asyncio.to_thread(wait_until, lambda: answers(own_redis.socket), "not back")
            await asyncio.wait({readiness._attempt})
            return broken_off, await readiness.problem()
        finally:
            await readiness.close()

    assert asyncio.run(ask()) == ("Redis does not answer in time", None)


def test_a_redis_that_is_not_there_is_told(tmp_path):
    assert problem_with(f"unix://{tmp_path}/no.sock") == "Redis does not answer"


def test_a_turn_that_was_just_kept_is_not_tried_anew(own_redis: EmbeddedRedis):
    """In a crowd the event loop comes to each answer of Redis too late for a try of its own."""

    async def ask() -> list[str | None]:
        async with store_at(own_redis.url) as store:
            readiness = Readiness(own_redis.url, lambda: store.kept_at)
            try:
                async with store.turn("anna"):
                    pass
                os.kill(pid := pid_of(own_redis), signal.SIGSTOP)
                try:
                    told = [await readiness.problem()]
                    store.kept_at -= 60
                    return [*told, await readiness.problem()]
                finally:
                    os.kill(pid, signal.SIGCONT)
            finally:
                await readiness.close()

    assert asyncio.run(ask()) == [None, "Redis does not answer in time"]
