"""Starting and ending the server as a program."""

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

from bot.server import app, run
from bot.server.embedded_redis import EmbeddedRedis
from bot.server.redis_keeper import answers
from bot.server.run import AddressTaken, listen, run_server
from bot.settings import load_settings
from tests.fixtures.redis import wait_until

ROOT = Path(__file__).parents[3]


def test_a_taken_port_is_named_before_anything_is_started(tmp_path, monkeypatch):
    def fail(*_):
        pytest.fail("Redis was started although the port is taken")

    monkeypatch.setattr(run, "EmbeddedRedis", fail)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = load_settings(bundles=tmp_path, port=port, data_dir=tmp_path)
        with pytest.raises(AddressTaken, match=rf"127\.0\.0\.1, port {port}: .*--port"):
            run_server(settings)


def test_an_address_that_is_not_ours_is_named():
    with pytest.raises(AddressTaken, match=r"192\.0\.2\.1, port 0"):
        listen("192.0.2.1", 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_port_0_takes_a_free_one_that_nobody_else_can_take(host):
    with listen(host, 0) as listener:
        port = listener.getsockname()[1]
        assert port > 0
        with pytest.raises(AddressTaken):
            listen(host, port)


def test_a_crowd_that_connects_while_the_loop_stands_still_is_taken_in_at_once(tmp_path):
    came = threading.Event()

    async def crowded(scope, receive, send):
        if scope["type"] == "http":
            came.wait(60)  # as if turns held the interpreter
            for _ in range(5):
                await asyncio.sleep(0)
            body = b"%d" % len(server.server_state.connections)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

    with ExitStack() as stack:
        listener = stack.enter_context(listen("127.0.0.1", 0))
        server = uvicorn.Server(run._configure(crowded, load_settings(data_dir=tmp_path)))
        serving = threading.Thread(target=server.run, args=([listener],))
        serving.start()
        stack.callback(serving.join)
        stack.callback(setattr, server, "should_exit", True)
        client = stack.enter_context(socket.create_connection(listener.getsockname(), timeout=60))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for _ in range(200):
            stack.enter_context(socket.create_connection(listener.getsockname(), timeout=60))
        came.set()
        answer = b"".join(iter(lambda: client.recv(1000), b""))
    assert int(answer.partition(b"\r\n\r\n")[2].split()[1]) == 201  # chunked


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_while_a_model_is_read_ends_the_server_and_its_redis(
    tmp_path, workers, models_dir, learned_dir
):
    """The manifest is a pipe into which nobody writes: whoever waits for it waits for ever."""
    manifest = tmp_path / "bundles" / "0001-abcdef01" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    os.mkfifo(manifest)
    (tmp_path / "bundles" / "CURRENT").write_text("0001-abcdef01")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "models").symlink_to(models_dir)
    (tmp_path / "data" / "cache").symlink_to(learned_dir)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOWTELL_")}
    more = {"SHOWTELL_DATA_DIR": str(tmp_path / "data"), "SHOWTELL_WORKERS": workers}
    server = subprocess.Popen(
        [sys.executable, "-m", "bot", "serve", "--bundles", tmp_path / "bundles", "--port", "0"],
        env=kept | more | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    redis = EmbeddedRedis(tmp_path / "data" / "redis")
    with server, ExitStack() as opened:
        assert server.stderr
        assert "Starting on http://127.0.0.1:" in server.stderr.readline()
        assert answers(redis.socket)

        def is_being_read():
            try:
                writer = os.open(manifest, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                return False
            opened.callback(os.close, writer)
            return True

        wait_until(is_being_read, "the manifest is not read")
        server.send_signal(signal.SIGTERM)
        assert server.wait(120) == 0, server.stderr.read()
    wait_until(lambda: not answers(redis.socket), "Redis outlived its server")


def test_no_garbage_is_collected_until_the_server_has_loaded(
    shapes_bundles, redis_url, server_data_dir, monkeypatch
):
    load = app.build_interpreter
    collects = []

    def note_and_load(*args):
        collects.append(gc.isenabled())
        return load(*args)

    monkeypatch.setattr(app, "build_interpreter", note_and_load)
    settings = load_settings(bundles=shapes_bundles, redis_url=redis_url, data_dir=server_data_dir)
    try:
        with TestClient(run.load_app(settings), base_url="http://127.0.0.1"):
            assert collects == [False]
            assert gc.isenabled()
    finally:
        gc.enable()
