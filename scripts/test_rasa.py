"""Plays the same script through a real Rasa server and through the embedded dialogue manager.

    python scripts/test_rasa.py                    # installs Rasa 3.6.21 in build/rasa first
    python scripts/test_rasa.py --rasa VENV        # uses an environment that has it

Rasa needs CPython 3.10 and an environment of its own. Started here: our server with the action
server over the drawn shapes, a Redis for each side, `rasa data validate`, `rasa train`, `rasa run`.
The scripts go over REST and SocketIO, through a question back, filters, feedback, uploads, a
failing action, and restarts of either server in mid-conversation. Prints one JSON object; exits
with 1 if any reply differs.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import socketio

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bot.project import RasaProject  # noqa: E402
from bot.redis_server import EmbeddedRedis, find_redis_server  # noqa: E402
from bot.settings import Settings  # noqa: E402
from retrieval.bundle import Candidate, build_bundle, publish  # noqa: E402
from retrieval.groups import Group  # noqa: E402
from retrieval.query import Query  # noqa: E402
from retrieval.searcher import Searcher, SearchResult  # noqa: E402
from scripts.rasa_project import write_project  # noqa: E402
from tests.fixtures.bundles import shape_candidates  # noqa: E402
from tests.fixtures.models import draw_shape, make_shapes, train_shapes_model  # noqa: E402
from tests.fixtures.server import make_settings, serve  # noqa: E402

# So long nothing more comes when a turn is over, on the channel that does not say so.
QUIET_S = 0.7
REQUIREMENTS = ["rasa==3.6.21", "python-socketio==5.9.0", "python-engineio==4.7.1"]

RESTART_RASA, RESTART_SERVER, UPLOAD = "(restart Rasa)", "(restart Showtell)", "(upload)"

# A number clicks that quick reply of the last turn, counted from 0 over all its replies. An upload
# goes to our own server on both sides, for no channel of Rasa's takes pictures; the conversation
# then goes on through its channel.
SCRIPTS: list[tuple[str, list[str | int]]] = [
    (
        "rest",
        [
            "hello",
            "show me a red circle",
            "make it blue",
            "more",
            0,
            "more like the second one",
            "what is in the third one?",
            "not the last one",
            "no circle",
            "circles are fine again",
            "go back",
            "thumbs up for the first one",
            "tell me a joke",
            "start over",
            0,
            "thanks",
            "bye",
        ],
    ),
    (
        "rest",
        [
            "more",
            "make it red",
            "a green star",
            1,
            "not that one",
            1,
            "describe the middle one",
            "undo",
            "undo",
            "undo",
            "undo",
            "help",
        ],
    ),
    (
        "rest",
        [
            "could you please find me a picture of a yellow triangle",
            "a ring",
            "purple",
            "without triangles",
            "show me mroe",
            "similar to number 3",
            "I hate the first one",
            "/rate_image",
            2,
            0,
            "/search_images",
            '/describe_image{"position": 9}',
            '/similar_to_image{"image": "0000000000000000"}',
            "{query} 10[x]",
            "gfhj kjlh",
            "on a beach",
            "/restart_search",
            "no dogs",
            "the first one is great",
        ],
    ),
    (
        "rest",
        [
            "a blue square",
            "from 2023",
            "tagged star",
            "only from 1999",
            "any year",
            "clear the filters",
            RESTART_RASA,
            "more",
            "more like the first and the second one",
            "not the first two",
            RESTART_SERVER,
            "go back",
            "make it green",
            UPLOAD,
            "more",
            "what is in the first one and the last one?",
        ],
    ),
    (
        "socketio",
        [
            "hi",
            "show me some shapes",
            -2,
            "more",
            "without red ones",
            "red ones are fine again",
            "from 2023",
            "show me an explosion",
            "more",
            RESTART_SERVER,
            "more like the second one",
            "thumbs down for number 2",
            UPLOAD,
            "make it purple",
            RESTART_RASA,
            "go back",
            "start over",
            "thank you",
        ],
    ),
]


def main() -> int:
    """Run everything; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rasa", type=Path, help="virtual environment that has Rasa")
    chosen = parser.parse_args()
    environment = chosen.rasa or install_rasa(ROOT / "build" / "rasa")
    rasa = environment.absolute() / "bin" / "rasa"
    report: dict[str, Any] = {}
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="showtell-rasa-")))
        shapes = make_shapes(work / "shapes")
        model = train_shapes_model(shapes, work / "model")
        candidates = [dated(candidate) for candidate in shape_candidates(shapes)]
        built = build_bundle(candidates, root=shapes, model_dir=model, bundles=work / "bundles")
        publish(work / "bundles", built.version)

        project = work / "project"
        write_project(project, "en")
        run = {"cwd": project, "check": True, "env": rasa_environment()}
        report["validate_s"] = timed([rasa, "data", "validate"], **run)
        train = [rasa, "train", "--out", work / "models", "--fixed-model-name", "showtell"]
        report["train_s"] = timed(train, **run)

        redis = stack.enter_context(EmbeddedRedis(work / "redis"))
        rasa_redis = stack.enter_context(tcp_redis())
        settings = make_settings(work / "bundles", redis.url, work / "data")
        stack.enter_context(staged_search())
        port = free_port()
        variables = rasa_environment(
            SHOWTELL_URL=f"http://127.0.0.1:{port}",
            SHOWTELL_ACTIONS_URL=f"http://127.0.0.1:{port}/webhook",
            RASA_REDIS_HOST="127.0.0.1",
            RASA_REDIS_PORT=str(rasa_redis),
        )
        model_file = work / "models" / "showtell.tar.gz"
        own = Restartable(lambda: served(settings, port))
        started = time.monotonic()
        stack.enter_context(own)
        other = Restartable(lambda: run_rasa(rasa, project, model_file, variables))
        stack.enter_context(other)
        report["ready_s"] = round(time.monotonic() - started, 1)
        report |= compare(other, own)
        own.stop()
        report["unavailable"] = say(other.url, "anna", "a red circle")
    unavailable = RasaProject.load().render("utter_unavailable", {})
    expected = [{"text": unavailable["text"]}]
    if report["unavailable"] != expected:
        report["differences"].append(
            {"said": "with our server gone", "rasa": report["unavailable"], "embedded": expected}
        )
    json.dump(report, sys.stdout, indent=2, ensure_ascii=False)
    print()
    return 1 if report["differences"] else 0


def install_rasa(environment: Path) -> Path:
    """Make an environment with Rasa, unless it is there."""
    if not (environment / "bin" / "rasa").exists():
        python = shutil.which("python3.10") or pyenv_python()
        if python is None:
            sys.exit(
                "Rasa 3.6 needs CPython 3.10, which is not here: install it (pyenv install 3.10)"
            )
        subprocess.run([python, "-m", "venv", "--clear", environment], check=True)
        lock = ROOT / "scripts" / "rasa-lock.txt"
        pip = [environment / "bin" / "pip", "install", "--quiet", "-c", lock, *REQUIREMENTS]
        subprocess.run(pip, check=True)
    return environment


def pyenv_python() -> str | None:
    """Return a CPython 3.10 that pyenv installed, if there is one."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return next((str(path) for path in root.glob("versions/3.10.*/bin/python3.10")), None)


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
    command = [find_redis_server(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
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
    command = [rasa, "run", "--model", model, "--port", str(port), "--interface", "127.0.0.1"]
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


def dated(candidate: Candidate) -> Candidate:
    """Return a shape with a date and a tag to filter by."""
    color, shape = candidate.metadata["color"], candidate.metadata["shape"]
    year = "2023" if color in ("red", "blue") else "2021"
    return replace(candidate, metadata={**candidate.metadata, "date": year, "tags": shape})


@contextmanager
def staged_search() -> Iterator[None]:
    """Make the search split one request into groups, and fail at another.

    The drawn shapes fall into no scenes, and nothing fails by itself: both are put in here, on the
    one server that both sides search with.
    """
    groups, search = Searcher.groups, Searcher.search

    def split(self: Searcher, query: Query, **options: Any) -> tuple[Group, ...]:
        if any("shapes" in text for text in query.texts) and len(query.texts) == 1:
            return (Group("a circle", ("a",), 0.5), Group("a star", ("b",), 0.4))
        return groups(self, query, **options)

    def fail(self: Searcher, query: Query, *arguments: Any, **options: Any) -> SearchResult:
        if any("explosion" in text for text in query.texts):
            raise RuntimeError("told to fail")
        return search(self, query, *arguments, **options)

    with patch.object(Searcher, "groups", split), patch.object(Searcher, "search", fail):
        yield


def compare(other: Restartable, own: Restartable) -> dict[str, Any]:
    """Play all scripts on both sides; return counts, times and every difference."""
    turns = Counter[str]()
    differences = []
    seconds = {"rasa": 0.0, "embedded": 0.0}
    restarts = Counter[str]()
    for number, (channel, script) in enumerate(SCRIPTS):
        clicks: list[str] = []
        for step in script:
            if step in (RESTART_RASA, RESTART_SERVER):
                (other if step == RESTART_RASA else own).restart()
                restarts[str(step)] += 1
                continue
            message = clicks[step] if isinstance(step, int) else step
            replies: dict[str, list[dict[str, Any]]] = {}
            # Ours first: it tells how many messages to wait for on a channel without an end.
            for side, url in (("embedded", own.url), ("rasa", other.url)):
                sender = f"{side}-{number}"
                started = time.monotonic()
                if message == UPLOAD:
                    replies[side] = upload(own.url, sender)
                elif channel == "rest":
                    replies[side] = say(url, sender, message)
                else:
                    expected = len(replies.get("embedded", ()))
                    replies[side] = say_by_socket(url, sender, message, expected)
                seconds[side] += time.monotonic() - started
            turns[channel] += 1
            if replies["rasa"] != replies["embedded"] or not replies["rasa"]:
                differences.append({"said": message, "channel": channel, **replies})
            clicks = [
                button["payload"]
                for reply in replies["embedded"]
                for button in reply.get("buttons", reply.get("quick_replies")) or ()
            ]
    total = turns.total()
    return {
        "turns": total,
        "by_channel": dict(turns),
        "restarts": dict(restarts),
        "mean_ms": {side: round(1000 * spent / total, 1) for side, spent in seconds.items()},
        "differences": differences,
    }


def upload(url: str, sender: str) -> list[dict[str, Any]]:
    """Send a picture with a text to our own server."""
    file = io.BytesIO()
    draw_shape("green", "star", 7).save(file, "PNG")
    response = httpx.post(
        f"{url}/api/messages",
        data={"sender": sender, "text": "like this, but blue"},
        files={"image": ("star.png", file.getvalue())},
        timeout=60,
    )
    response.raise_for_status()
    return list(response.json()["replies"])


def say_by_socket(url: str, sender: str, message: str, expected: int) -> list[dict[str, Any]]:
    """Send a message by the SocketIO channel; return the payloads of `bot_uttered`.

    Args:
        url: The server.
        sender: The session.
        message: What is said.
        expected: How many payloads to wait for; 0 waits until it is quiet.
    """
    uttered: queue.Queue[dict[str, Any]] = queue.Queue()
    confirmed = threading.Event()
    client = socketio.Client(reconnection=False)
    client.on("bot_uttered", uttered.put)
    client.on("session_confirm", lambda _: confirmed.set())
    client.connect(url, transports=["websocket"])
    try:
        client.emit("session_request", {"session_id": sender})
        if not confirmed.wait(30):
            sys.exit(f"{url} did not confirm the session")
        client.emit("user_uttered", {"message": message, "session_id": sender})
        found = [uttered.get(timeout=60)]
        while True:
            wait = 30.0 if len(found) < expected else QUIET_S
            try:
                found.append(uttered.get(timeout=wait))
            except queue.Empty:
                return found
    finally:
        client.disconnect()


def say(url: str, sender: str, message: str) -> list[dict[str, Any]]:
    """Send a message by the REST channel; return the replies without their recipient."""
    body = {"sender": sender, "message": message}
    response = httpx.post(f"{url}/webhooks/rest/webhook", json=body, timeout=60)
    response.raise_for_status()
    replies = response.json()
    assert all(reply.pop("recipient_id") == sender for reply in replies)
    return list(replies)


def free_port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main())
