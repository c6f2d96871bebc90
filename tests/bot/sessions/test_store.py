"""Sessions against a real Redis: order, atomicity, bounds, and Redis going away."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio.connection import AbstractConnection

from bot.errors import MessageRefused, SessionsUnavailable
from bot.server.embedded_redis import EmbeddedRedis
from bot.server.redis_keeper import answers
from bot.sessions.connection import connect
from bot.sessions.store import SessionStore, check_sender_id
from retrieval.search.query import Query
from tests.fixtures.redis import pid_of, store_at, wait_until

ROOT = Path(__file__).parents[3]


def test_a_turn_is_kept(redis_url: str) -> None:
    async def play() -> None:
        async with store_at(redis_url) as store:
            async with store.turn("anna") as record:
                record.turn += 1
                record.query = Query(texts=("a dog", "on a beach"), excluded=("people",))
                record.shown = ["a" * 16]
            async with store.turn("anna") as record:
                assert record.turn == 1
                assert record.query == Query(texts=("a dog", "on a beach"), excluded=("people",))
                assert record.shown == ["a" * 16]
            async with store.turn("ben") as record:
                assert record.turn == 0

    asyncio.run(play())


def test_a_failed_turn_changes_nothing(redis_url: str) -> None:
    async def play() -> None:
        async with store_at(redis_url) as store:
            async with store.turn("anna") as record:
                record.turn = 1

            async def fail() -> None:
                async with store.turn("anna") as record:
                    record.turn = 99
                    _ = 1 / 0

            with pytest.raises(ZeroDivisionError):
                await fail()
            async with store.turn("anna") as record:
                assert record.turn == 1

    asyncio.run(play())


def test_turns_of_one_sender_run_in_order(redis_url: str) -> None:
    async def play() -> list[int]:
        order: list[int] = []
        async with store_at(redis_url) as store:

            async def one(number: int) -> None:
                async with store.turn("anna") as record:
                    await asyncio.sleep(0.01 if number % 2 else 0)
                    record.turn += 1
                    order.append(number)

            tasks = []
            for number in range(20):
                tasks.append(asyncio.create_task(one(number)))
                await asyncio.sleep(0)  # so that they arrive in this order
            await asyncio.gather(*tasks)
            assert not store._queues, "queues of idle senders must go"
            async with store.turn("anna") as record:
                assert record.turn == 20
        return order

    assert asyncio.run(play()) == list(range(20))


def test_other_senders_do_not_wait(redis_url: str) -> None:
    async def play() -> None:
        async with (
            store_at(redis_url) as store,
            store.turn("slow"),
            asyncio.timeout(5),
            store.turn("quick") as record,
        ):
            record.turn += 1

    asyncio.run(play())


def test_a_cancelled_turn_saves_nothing_and_frees_the_sender(redis_url: str) -> None:
    async def play() -> None:
        async with store_at(redis_url) as store:
            entered = asyncio.Event()

            async def hang() -> None:
                async with store.turn("anna") as record:
                    record.turn = 99
                    entered.set()
                    await asyncio.sleep(60)

            task = asyncio.create_task(hang())
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            async with asyncio.timeout(5), store.turn("anna") as record:
                assert record.turn == 0
            assert not store._queues

    asyncio.run(play())


COUNT = """
import asyncio, sys
from bot.sessions.connection import connect
from bot.sessions.store import SessionStore

async def main(url: str, turns: int) -> None:
    client = connect(url)
    store = SessionStore(client)
    async def one() -> None:
        async with store.turn("shared") as record:
            before = record.turn
            await asyncio.sleep(0.001)
            record.turn = before + 1
    await asyncio.gather(*(one() for _ in range(turns)))
    await client.aclose()

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def test_two_processes_lose_no_turn(redis_url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", COUNT, redis_url, "40"], cwd=ROOT) for _ in range(2)
    ]
    assert [process.wait(120) for process in processes] == [0, 0]

    async def count() -> int:
        async with store_at(redis_url) as store, store.turn("shared") as record:
            return record.turn

    assert asyncio.run(count()) == 80


def test_a_slow_turn_keeps_its_lock_and_is_saved(redis_url: str) -> None:
    async def play() -> None:
        async with (
            store_at(redis_url, lock_life_s=0.15) as slow,
            store_at(redis_url) as other,
        ):

            async def wait_for_it() -> int:
                async with other.turn("anna") as record:
                    return record.turn

            async with slow.turn("anna") as record:
                waiting = asyncio.create_task(wait_for_it())
                await asyncio.sleep(0.6)  # four lives of its lock
                assert not waiting.done()
                record.turn = 1
            assert await waiting == 1

    asyncio.run(play())


def test_a_turn_that_lost_its_lock_is_not_saved(redis_url: str) -> None:
    async def play() -> None:
        async with store_at(redis_url) as late, store_at(redis_url) as other:

            async def lose_the_lock() -> None:
                async with late.turn("anna") as record:
                    record.turn = 99
                    with redis.Redis.from_url(redis_url) as client:
                        client.delete("showtell:lock:anna")
                    async with other.turn("anna") as newer:
                        newer.turn = 1

            with pytest.raises(SessionsUnavailable, match="too long"):
                await lose_the_lock()
            async with other.turn("anna") as record:
                assert record.turn == 1

    asyncio.run(play())


def test_a_turn_whose_lock_a_full_redis_threw_away_is_saved_if_nobody_came_between(
    redis_url: str,
) -> None:
    async def play() -> None:
        async with store_at(redis_url) as store:
            with redis.Redis.from_url(redis_url) as client:
                for turn in range(1, 3):  # the first begins with no record, the second with one
                    async with store.turn("anna") as record:
                        record.turn = turn
                        client.delete("showtell:lock:anna")
            async with store.turn("anna") as record:
                assert record.turn == 2

    asyncio.run(play())


def test_many_senders_at_once_wait_for_a_connection_and_none_is_refused(redis_url: str) -> None:
    async def play() -> None:
        async with store_at(redis_url) as store:

            async def one(number: int) -> int:
                async with store.turn(f"sender-{number}") as record:
                    record.turn += 1
                    return record.turn

            assert await asyncio.gather(*(one(number) for number in range(400))) == [1] * 400

    asyncio.run(play())


def test_so_many_turns_run_at_once_and_who_waits_too_long_is_told(redis_url: str) -> None:
    async def play() -> None:
        async with store_at(redis_url, at_once=2, lock_timeout_s=0.3) as store:
            async with store.turn("one"), store.turn("two"):
                with pytest.raises(SessionsUnavailable, match="still being answered"):
                    async with store.turn("three"):
                        pytest.fail("a third turn ran")
            async with store.turn("three"):
                pass
            assert not store._queues

    asyncio.run(play())


def test_one_sender_cannot_fill_the_memory(redis_url: str) -> None:
    async def play() -> None:
        async with store_at(redis_url) as store:

            async def one() -> int:
                async with store.turn("anna") as record:
                    record.turn += 1
                    return record.turn

            found = await asyncio.gather(*(one() for _ in range(60)), return_exceptions=True)
            assert [turn for turn in found if isinstance(turn, int)] == [*range(1, 51)]
            assert sum(isinstance(turn, SessionsUnavailable) for turn in found) == 10

    asyncio.run(play())


def test_a_redis_that_hangs_is_asked_once_only(
    own_redis: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No second try after a time-out and no release: each would double the sender's wait."""
    asked: list[object] = []
    send = AbstractConnection.send_packed_command

    async def count(self: AbstractConnection, *arguments: object, **options: object) -> None:
        asked.append(arguments)
        await send(self, *arguments, **options)  # type: ignore[arg-type]

    async def play() -> None:
        async with store_at(own_redis.url) as store:
            async with store.turn("anna"):
                pass  # so that there is a connection
            monkeypatch.setattr(AbstractConnection, "send_packed_command", count)
            pid = pid_of(own_redis)
            os.kill(pid, signal.SIGSTOP)
            try:
                with pytest.raises(SessionsUnavailable):
                    async with store.turn("anna"):
                        pass
            finally:
                os.kill(pid, signal.SIGCONT)

    asyncio.run(play())
    assert len(asked) == 1


def test_the_lock_of_a_dead_process_ends_by_itself(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("showtell:lock:anna", "somebody else", px=100)

    async def play() -> None:
        async with store_at(redis_url) as store, store.turn("anna") as record:
            record.turn = 1

    asyncio.run(play())


def test_waiting_for_another_process_ends(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("showtell:lock:anna", "somebody else")

    async def play() -> None:
        async with store_at(redis_url, lock_timeout_s=0.05) as store:
            with pytest.raises(SessionsUnavailable, match="still being answered"):
                async with store.turn("anna"):
                    pass
            assert not store._queues

    asyncio.run(play())


def test_acknowledged_turns_survive_kill_9(own_redis: EmbeddedRedis) -> None:
    async def count_to(number: int) -> None:
        async with store_at(own_redis.url) as store:
            for _ in range(number):
                async with store.turn("anna") as record:
                    record.turn += 1

    asyncio.run(count_to(30))
    os.kill(pid_of(own_redis), signal.SIGKILL)
    wait_until(lambda: answers(own_redis.socket), "Redis was not started again")

    async def read() -> int:
        async with store_at(own_redis.url) as store, store.turn("anna") as record:
            return record.turn

    assert asyncio.run(read()) == 30


def test_redis_away_in_mid_turn_saves_nothing_and_recovers(own_redis: EmbeddedRedis) -> None:
    async def play() -> None:
        async with store_at(own_redis.url) as store:
            async with store.turn("anna") as record:
                record.turn = 1

            async def lose_redis() -> None:
                async with store.turn("anna") as record:
                    record.turn = 99
                    own_redis.__exit__(None, None, None)

            with pytest.raises(SessionsUnavailable):
                await lose_redis()
            with pytest.raises(SessionsUnavailable):
                async with store.turn("anna"):
                    pytest.fail("a turn began without Redis")
            # The lock of the broken turn came back with the data; it ends by its time-out.
            with EmbeddedRedis(own_redis.data_dir) as again:
                with redis.Redis.from_url(again.url) as client:
                    client.delete("showtell:lock:anna")
                async with store.turn("anna") as record:
                    assert record.turn == 1

    asyncio.run(play())


@pytest.mark.parametrize(
    "stored",
    [
        b"no json",
        b"\xff\xfe",
        b"[]",
        b'{"v": 2, "sender_id": "anna"}',
        b'{"v": 1, "query": 5}',
        b'{"v": 1, "sender_id": "bob"}',
        b'{"sender_id": ""}',
    ],
)
def test_a_record_that_cannot_be_read_begins_anew(
    redis_url: str, stored: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("showtell:session:anna", stored)

    async def play() -> None:
        async with store_at(redis_url) as store:
            async with store.turn("anna") as record:
                assert record.turn == 0
                record.turn = 1
            async with store.turn("anna") as record:
                assert record.turn == 1

    asyncio.run(play())
    assert "cannot be read and begins anew" in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["v", "sender_id", "turn", "query", "hits", "history", "owner"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(stored=st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_lies_in_redis_a_turn_is_taken(
    embedded_redis: EmbeddedRedis, stored: bytes
) -> None:
    with redis.Redis.from_url(embedded_redis.url) as client:
        client.set("showtell:session:garbled", stored)

    async def play() -> None:
        async with store_at(embedded_redis.url) as store, store.turn("garbled") as record:
            record.claim("")
            record.turn += 1

    asyncio.run(play())


def test_the_life_of_a_session_begins_again_with_each_turn(redis_url: str) -> None:
    async def play() -> None:
        async with store_at(redis_url, ttl_s=500) as store:
            async with store.turn("anna"):
                pass
            with redis.Redis.from_url(redis_url) as client:
                assert 0 < client.ttl("showtell:session:anna") <= 500
                client.expire("showtell:session:anna", 10)
                async with store.turn("anna"):
                    pass
                assert client.ttl("showtell:session:anna") > 400
                assert client.keys("showtell:lock:*") == []

    asyncio.run(play())


@pytest.mark.parametrize("sender_id", ["", "x" * 201, "\ud800"])
def test_senders_that_cannot_be_kept_are_refused(sender_id: str) -> None:
    with pytest.raises(MessageRefused, match="sender"):
        check_sender_id(sender_id)


@settings(max_examples=30, deadline=None)
@given(
    sender_id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200),
    other=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200),
)
def test_sender_ids_of_any_characters_are_kept_apart(
    embedded_redis: EmbeddedRedis, sender_id: str, other: str
) -> None:
    async def play() -> None:
        async with store_at(embedded_redis.url) as store:
            async with store.turn(sender_id) as record:
                record.turn, record.query = 7, Query(texts=(sender_id,))
            if other != sender_id:
                async with store.turn(other) as record:
                    record.turn, record.query = 8, Query(texts=(other,))
            async with store.turn(sender_id) as record:
                assert (record.turn, record.query) == (7, Query(texts=(sender_id,)))

    asyncio.run(play())


@pytest.mark.parametrize(("ttl_s", "lock_timeout_s"), [(0, 1.0), (1, 0.0)])
def test_times_that_make_no_sense_are_refused(
    redis_url: str, ttl_s: int, lock_timeout_s: float
) -> None:
    with pytest.raises(ValueError, match="must be"):
        SessionStore(connect(redis_url), ttl_s, lock_timeout_s)
