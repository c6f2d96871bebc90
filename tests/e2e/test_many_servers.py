"""Several servers over one PostgreSQL and one Redis, behind a proxy that sends each connection on.

They take a minute: `make test-store` runs them, `make test` does not.
"""

from __future__ import annotations

import itertools
import signal
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from bot.live.catalog import open_catalog
from bot.server.embedded_redis import find_redis_server
from bot.settings import load_settings
from tests.bot.channels.test_rasa_socketio import Person
from tests.e2e.conftest import ROOT, environment, free_port, showtell
from tests.e2e.test_postgres import publish
from tests.fixtures.redis import wait_until

pytestmark = pytest.mark.scale

TALK = [
    *("a red circle", "more", "no squares", "like the second one", "how many are there?"),
    *("start over", "a green triangle", "more", "only with color blue", "hello"),
]
SENDERS = 6


class RoundRobin(socketserver.ThreadingTCPServer):
    """Sends each connection to the next server that takes it."""

    daemon_threads = True

    def __init__(self, ports: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.next = itertools.cycle(ports).__next__
        self.servers = len(ports)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Connection(socketserver.BaseRequestHandler):
    server: RoundRobin

    def handle(self) -> None:
        for _ in range(self.server.servers):
            with suppress(ConnectionRefusedError):
                server = socket.create_connection(("127.0.0.1", self.server.next()))
                break
        else:
            return
        with server:
            back = threading.Thread(target=_pump, args=(server, self.request))
            back.start()
            _pump(self.request, server)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def processes(count: int, env: Mapping[str, str]) -> Iterator[list[tuple[int, subprocess.Popen]]]:
    """Run servers until the block ends; their ports and processes, once all are ready."""
    ports = [free_port() for _ in range(count)]
    running = [
        subprocess.Popen(showtell("serve", "--port", str(port)), env=env, cwd=ROOT)
        for port in ports
    ]
    try:
        for port in ports:
            wait_until(lambda port=port: ready(port) is not None, "a server is not ready")
        yield list(zip(ports, running, strict=True))
    finally:
        for one in running:
            one.send_signal(signal.SIGINT)
        for one in running:
            one.wait(30)


def ready(port: int) -> str | None:
    """Return the version that a server answers by; None where it is not ready."""
    with suppress(httpx.TransportError):
        answer = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5)
        if answer.status_code == 200:
            return str(answer.json()["bundle"])
    return None


def say(url: str, sender: str, number: int, broken: list[str]) -> dict[str, Any]:
    """Say a message of the talk over a connection of its own, once more where that broke."""
    form = {"sender": sender, "text": TALK[number], "message_id": str(number)}
    while True:
        try:
            answer = httpx.post(f"{url}/api/messages", data=form, timeout=60)
        except httpx.TransportError as error:
            broken.append(f"{sender} {number}: {error!r}")
            continue
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        # Neither was an acknowledged turn lost, nor was one counted twice.
        assert told["turn"] == number + 1
        return told


def talk_until(url: str, meanwhile: Callable[[], None], broken: list[str]) -> None:
    """Play the talk as several people; `meanwhile` happens when half is said."""
    half = threading.Barrier(SENDERS + 1)

    def play(sender: str) -> None:
        answers = []
        for number in range(len(TALK)):
            if number == len(TALK) // 2:
                half.wait(120)
            answers.append(say(url, sender, number, broken))
        # Whichever server is asked: what was answered is answered so again.
        last = len(TALK) - 1
        assert [say(url, sender, last, broken) for _ in range(3)] == [answers[last]] * 3

    with ThreadPoolExecutor(SENDERS) as pool:
        plays = [pool.submit(play, f"anna-{number}") for number in range(SENDERS)]
        half.wait(120)
        meanwhile()
        for one in plays:
            one.result()


def test_one_of_three_servers_is_killed_in_mid_talk_and_a_publish_reaches_the_others(
    shapes_dir: Path,
    shapes_model_dir: Path,
    store_url: str,
    redis_url: str,
    server_data_dir: Path,
    tmp_path: Path,
) -> None:
    settings = {"SHOWTELL_STORE": store_url, "SHOWTELL_MODELS": str(tmp_path / "models")}
    env = environment(server_data_dir) | settings | {"SHOWTELL_REDIS_URL": redis_url}
    catalog = open_catalog(load_settings(store=store_url, models=tmp_path / "models"))
    publish(catalog, shapes_dir, shapes_model_dir)
    broken: list[str] = []
    with ExitStack() as stack:
        stack.callback(catalog.close)
        servers = stack.enter_context(processes(3, env))
        proxy = stack.enter_context(RoundRobin([port for port, _ in servers]))
        threading.Thread(target=proxy.serve_forever).start()
        stack.callback(proxy.shutdown)
        # One at each server.
        windows = [Person(proxy.url, "websocket") for _ in servers]
        for window in windows:
            stack.callback(window.leave)
            window.request_session({"session_id": "windows"})
        windows[0].say(message="a red circle", session_id="windows", message_id="1")
        heard = [window.hear_pictures() for window in windows]
        assert heard[0] == heard[1] == heard[2]
        talk_until(proxy.url, servers[0][1].kill, broken)
        assert len(broken) <= SENDERS, broken  # what each was just saying
        windows[1].say(message="a red circle", session_id="windows", message_id="1")
        assert windows[1].hear_pictures() == windows[2].hear_pictures() == heard[0]
        version = publish(catalog, shapes_dir, shapes_model_dir, "-0")
        for port, _ in servers[1:]:
            wait_until(lambda port=port: ready(port) == version, "the publish was not seen")


@contextmanager
def sentinel(folder: Path) -> Iterator[tuple[str, subprocess.Popen, int]]:
    """Run a Redis, its replica and a Sentinel: their address, the master, the replica's port."""
    found = find_redis_server()
    master, replica, watcher = free_port(), free_port(), free_port()
    settings = folder / "sentinel.conf"
    settings.write_text(
        f"port {watcher}\nrequirepass hush\n"
        f"sentinel monitor talks 127.0.0.1 {master} 1\n"
        "sentinel down-after-milliseconds talks 500\nsentinel failover-timeout talks 3000\n"
    )
    plain = ["--save", "", "--dir", str(folder), "--repl-diskless-sync-delay", "0"]
    commands = [
        [found, "--port", str(master), *plain, "--min-replicas-to-write", "0"],
        [found, "--port", str(replica), *plain, "--replicaof", f"127.0.0.1 {master}"],
        [found, str(settings), "--sentinel"],
    ]
    running = [subprocess.Popen(one, stdout=subprocess.DEVNULL) for one in commands]
    try:
        with (
            redis.Redis(port=replica) as copy,
            redis.Redis(port=watcher, password="hush") as watching,
        ):
            wait_until(lambda: tells(copy, "master_link_status") == "up", "no replica")
            wait_until(
                lambda: str(replica) in str(answer(watching, "SENTINEL", "REPLICAS", "talks")),
                "Sentinel does not know the replica",
            )
        url = f"redis+sentinel://127.0.0.1:{watcher}/0/talks?sentinel_password=hush"
        yield url, running[0], replica
    finally:
        for one in running:
            one.kill()
            one.wait()


def answer(client: redis.Redis, *command: str) -> Any:
    """Return what a Redis answers; None while it does not."""
    with suppress(redis.exceptions.RedisError):
        return client.execute_command(*command)
    return None


def tells(client: redis.Redis, field: str) -> Any:
    """Return a field of what a replica says of itself; None while it does not."""
    return (answer(client, "INFO", "replication") or {}).get(field)


def test_the_master_is_killed_and_the_talk_goes_on_with_the_one_that_sentinel_names(
    shapes_bundles: Path, server_data_dir: Path, tmp_path: Path
) -> None:
    with sentinel(tmp_path) as (url, master, replica):
        settings = {"SHOWTELL_BUNDLES": str(shapes_bundles), "SHOWTELL_REDIS_URL": url}
        with processes(1, environment(server_data_dir) | settings) as [(port, _)]:
            address = f"http://127.0.0.1:{port}"
            first = say(address, "anna", 0, [])
            with redis.Redis(port=replica) as copy:
                wait_until(lambda: copy.exists("showtell:session:anna"), "nothing is copied")
            master.kill()
            form = {"sender": "anna", "text": TALK[1], "message_id": "1"}

            def said() -> bool:
                told = httpx.post(f"{address}/api/messages", data=form, timeout=60)
                # Until then who asks is told to come again.
                assert told.status_code == 200 or told.headers["Retry-After"]
                return told.status_code == 200

            wait_until(said, "no other master")
            assert say(address, "anna", 0, []) == first
            assert say(address, "anna", 1, [])["turn"] == 2
