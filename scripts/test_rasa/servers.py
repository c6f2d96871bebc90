"""The servers that talk: a real Rasa, ours, and a Redis for what Rasa remembers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx

from bot.server.embedded_redis import find_redis_server
from bot.settings import Settings
from retrieval.search.clarify import Group
from retrieval.search.query import Query
from retrieval.search.searcher import Searcher, SearchResult
from tests.fixtures.server import serve

LOCK = Path(__file__).resolve().parents[1] / "rasa-lock.txt"
REQUIREMENTS = ["rasa==3.6.21", "python-socketio==5.9.0", "python-engineio==4.7.1"]


def install_rasa(environment: Path) -> Path:
    """Make an environment with Rasa, unless it is there."""
    if not (environment / "bin" / "rasa").exists():
        python = next(filter(runs, pythons()), None)
        if python is None:
            sys.exit(
                "Rasa 3.6 needs CPython 3.10, which is not here: install it (pyenv install 3.10)"
            )
        subprocess.run([python, "-m", "venv", "--clear", environment], check=True)
        pip: list[str | Path] = [environment / "bin" / "pip", "install", "--quiet"]
        pip += ["-c", LOCK, *REQUIREMENTS]
        subprocess.run(pip, check=True)
    return environment


def pythons() -> Iterator[str]:
    """Yield where a CPython 3.10 may be: on the path, or installed by pyenv."""
    if found := shutil.which("python3.10"):
        yield found
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from (str(path) for path in sorted(root.glob("versions/3.10.*/bin/python3.10")))


def runs(python: str) -> bool:
    """Tell whether it is one: pyenv puts a stand-in on the path that fails unless it is chosen."""
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def rasa_environment(**variables: str) -> dict[str, str]:
    """Return the environment for a Rasa process: without our own virtual environment's traces."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    # Placeholders let commands that never connect read endpoints.yml.
    needed = {
        "SHOWTELL_ACTIONS_URL": "http://127.0.0.1:5055/webhook",
        "RASA_REDIS_HOST": "127.0.0.1",
        "RASA_REDIS_PORT": "6379",
    }
    return (
        kept | {"RASA_TELEMETRY_ENABLED": "false", "PYTHONWARNINGS": "ignore"} | needed | variables
    )


def timed(command: list[str | Path], **options: Any) -> float:
    """Run a command; return its seconds."""
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, **{**options, "check": False})
    if done.returncode:
        sys.exit(f"{command[1]} failed:\n{done.stdout}\n{done.stderr}")
    return round(time.monotonic() - started, 1)


@contextmanager
def tcp_redis() -> Iterator[int]:
    """Run a Redis for Rasa, which knows no Unix sockets; yield its port."""
    port = free_port()
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command: list[str | Path] = [find_redis_server(), *settings]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


@contextmanager
def run_rasa(rasa: Path, project: Path, model: Path, env: dict[str, str]) -> Iterator[str]:
    """Run the Rasa server until the block ends; yield its address."""
    port = free_port()
    where: list[str | Path] = ["--model", model, "--port", str(port), "--interface", "127.0.0.1"]
    command = [rasa, "run", *where, "--cors", "*"]  # for the widget, on a page of ours
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, cwd=project, env=env, stdout=log, stderr=log, start_new_session=True
        )
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 180
            while not answers(f"{url}/webhooks/rest/"):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    sys.exit(f"rasa run did not start:\n{log.read()[-4000:]}")
                time.sleep(0.2)
            yield url
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.TransportError:
        return False


class Restartable:
    """A server that can be stopped and started anew; a context that stops it at the end.

    Args:
        start: Makes a context that yields the server's address.
    """

    def __init__(self, start: Callable[[], AbstractContextManager[str]]) -> None:
        self._start = start
        self._stack = ExitStack()
        self.url = ""

    def __enter__(self) -> Restartable:
        self.url = self._stack.enter_context(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the server, if it runs."""
        self._stack.close()

    def restart(self) -> None:
        """Stop the server and start it anew."""
        self.stop()
        self.__enter__()


@contextmanager
def served(settings: Settings, port: int) -> Iterator[str]:
    """Run our own server at a port."""
    with serve(settings, port=port) as server:
        yield server.url


@contextmanager
def staged_search() -> Iterator[None]:
    """Make the search split one request into groups, and fail at another.

    The drawn shapes fall into no scenes, and nothing fails by itself: both are put in here, on the
    one server that both sides search with.
    """
    groups, rank = Searcher.groups, Searcher.rank

    def split(self: Searcher, query: Query, result: SearchResult) -> tuple[Group, ...]:
        if any("triangles" in text for text in query.texts) and len(query.texts) == 1:
            return (Group("a circle", ("a",), 0.5), Group("a star", ("b",), 0.4))
        return groups(self, query, result)

    def fail(self: Searcher, query: Query, *arguments: Any, **options: Any) -> SearchResult:
        if any("explosion" in text for text in query.texts):
            raise RuntimeError("told to fail")
        return rank(self, query, *arguments, **options)

    with patch.object(Searcher, "groups", split), patch.object(Searcher, "rank", fail):
        yield


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
