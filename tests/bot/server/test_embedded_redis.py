"""The embedded Redis: real servers in temporary folders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from bot.errors import EmbeddedRedisError
from bot.server import embedded_redis
from bot.server.embedded_redis import EmbeddedRedis, find_redis_server
from bot.server.redis_keeper import answers
from tests.fixtures.redis import pid_of, wait_until


def _client(server: EmbeddedRedis) -> redis.Redis:
    return redis.Redis.from_url(server.url, retry=None)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_answers_inside_and_is_gone_outside(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, _client(server) as client:
        assert client.ping()
        pid = pid_of(server)
    assert not is_running(pid)


def test_data_survives_a_restart(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, _client(server) as client:
        client.set("kept", "yes")
    with EmbeddedRedis(tmp_path) as server, _client(server) as client:
        assert client.get("kept") == b"yes"


def test_one_that_is_killed_is_started_again_with_its_data(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        with _client(server) as client:
            for number in range(100):
                client.set(f"key{number}", number)
        for _ in range(2):
            killed = pid_of(server)
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda: answers(server.socket), "it was not started again")
            assert pid_of(server) != killed
        with _client(server) as client:
            assert client.dbsize() == 100
    assert "is started again" in (tmp_path / "redis.log").read_text()


def test_two_servers_on_one_folder_share_one_and_the_last_ends_it(tmp_path: Path) -> None:
    first, second = EmbeddedRedis(tmp_path), EmbeddedRedis(tmp_path)
    with second:
        with first:
            assert first.url == second.url
            pid = pid_of(first)
        assert pid_of(second) == pid  # ended with neither, not even started anew
    assert not is_running(pid)


USE = """
import sys, time
from pathlib import Path
from bot.server.embedded_redis import EmbeddedRedis
with EmbeddedRedis(Path(sys.argv[1])):
    print("started", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
def test_it_ends_with_its_owner_however_that_ends(tmp_path: Path, end: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", USE, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout
        assert owner.stdout.readline() == "started\n"
        server = EmbeddedRedis(tmp_path)
        pid = pid_of(server)
        owner.send_signal(end)
    wait_until(lambda: not is_running(pid), "Redis outlived its owner")
    with server, _client(server) as client:
        assert client.ping()


def test_a_keeper_that_is_killed_is_replaced_with_or_without_its_redis(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        for victims in (1, 2):
            pid = pid_of(server)
            keeper = int(Path(f"/proc/{pid}/stat").read_text().split()[3])
            for victim in (keeper, pid)[:victims]:
                os.kill(victim, signal.SIGKILL)
            wait_until(lambda: not is_running(pid), "Redis outlived its keeper")  # noqa: B023
            wait_until(lambda: answers(server.socket), "it was not started again")
        pid = pid_of(server)
    assert not is_running(pid)


def test_a_stale_socket_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "redis.sock").touch()
    with EmbeddedRedis(tmp_path) as server, _client(server) as client:
        assert client.ping()


def test_a_folder_with_a_long_name_works(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 90) / ("y" * 90)
    with EmbeddedRedis(deep) as server, _client(server) as client:
        client.set("kept", "yes")
        assert len(str(server.socket)) < 100
    assert (deep / "appendonlydir").exists() or list(deep.glob("*.aof"))


def test_the_extra_helps_where_path_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    server = find_redis_server()
    assert server.name == "valkey-server"
    assert os.access(server, os.X_OK)


def test_no_server_at_all_names_the_ways_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(embedded_redis, "find_spec", lambda name: None)
    with (
        pytest.raises(EmbeddedRedisError, match=r"SHOWTELL_REDIS_URL .*showtell\[redis\]"),
        EmbeddedRedis(tmp_path),
    ):
        pass


def test_sessions_of_the_redis_before_are_read(tmp_path: Path) -> None:
    """What Redis 6.2 wrote: one file without a manifest."""
    (tmp_path / "appendonly.aof").write_bytes(b"*3\r\n$3\r\nSET\r\n$4\r\nkept\r\n$3\r\nyes\r\n")
    with EmbeddedRedis(tmp_path) as server, _client(server) as client:
        assert client.get("kept") == b"yes"


def test_a_server_that_cannot_start_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("no manifest\n")
    (tmp_path / "appendonly.aof").write_text("no commands\n")
    with pytest.raises(EmbeddedRedisError, match=r"did not start: .*AOF"), EmbeddedRedis(tmp_path):
        pass


def test_a_folder_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(EmbeddedRedisError, match="SHOWTELL_DATA_DIR"),
        EmbeddedRedis(tmp_path / "file"),
    ):
        pass
