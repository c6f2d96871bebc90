"""Plays the same script through a real Rasa server and through the embedded dialogue manager.

    python scripts/test_rasa.py                    # installs Rasa 3.6.21 in build/rasa first
    python scripts/test_rasa.py --rasa VENV        # uses an environment that has it

Rasa needs CPython 3.10 and an environment of its own. Started here: our server with the action
server over the drawn shapes, a Redis for each side, `rasa data validate`, `rasa train`, `rasa run`.
Prints one JSON object; exits with 1 if any reply differs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bot.project import PROJECT_DIR, RasaProject  # noqa: E402
from bot.redis_server import EmbeddedRedis, find_redis_server  # noqa: E402
from retrieval.bundle import build_bundle, publish  # noqa: E402
from tests.fixtures.bundles import shape_candidates  # noqa: E402
from tests.fixtures.models import make_shapes, train_shapes_model  # noqa: E402
from tests.fixtures.server import make_settings, serve  # noqa: E402

REQUIREMENTS = ["rasa==3.6.21", "python-socketio==5.9.0", "python-engineio==4.7.1"]

# A number clicks that quick reply of the last turn, counted from 0.
SCRIPTS: list[list[str | int]] = [
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
        "go back",
        "thumbs up for the first one",
        "tell me a joke",
        "start over",
        0,
        "thanks",
        "bye",
    ],
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
        candidates = shape_candidates(shapes)
        built = build_bundle(candidates, root=shapes, model_dir=model, bundles=work / "bundles")
        publish(work / "bundles", built.version)

        project = work / "project"
        shutil.copytree(PROJECT_DIR, project, ignore=shutil.ignore_patterns("__pycache__"))
        run = {"cwd": project, "check": True, "env": rasa_environment()}
        report["validate_s"] = timed([rasa, "data", "validate"], **run)
        train = [rasa, "train", "--out", work / "models", "--fixed-model-name", "showtell"]
        report["train_s"] = timed(train, **run)

        redis = stack.enter_context(EmbeddedRedis(work / "redis"))
        rasa_redis = stack.enter_context(tcp_redis())
        settings = make_settings(work / "bundles", redis.url, work / "data")
        with serve(settings) as server:
            started = time.monotonic()
            variables = rasa_environment(
                SHOWTELL_URL=server.url,
                SHOWTELL_ACTIONS_URL=f"{server.url}/webhook",
                RASA_REDIS_HOST="127.0.0.1",
                RASA_REDIS_PORT=str(rasa_redis),
            )
            model_file = work / "models" / "showtell.tar.gz"
            rasa_url = stack.enter_context(run_rasa(rasa, project, model_file, variables))
            report["ready_s"] = round(time.monotonic() - started, 1)
            report |= compare(rasa_url, server.url)
        report["unavailable"] = say(rasa_url, "anna", "a red circle")
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


def compare(rasa_url: str, own_url: str) -> dict[str, Any]:
    """Play all scripts on both sides; return counts, times and every difference."""
    turns = 0
    differences = []
    seconds = {"rasa": 0.0, "embedded": 0.0}
    for number, script in enumerate(SCRIPTS):
        clicks: list[str] = []
        for step in script:
            message = clicks[step] if isinstance(step, int) else step
            replies = {}
            for side, url in (("rasa", rasa_url), ("embedded", own_url)):
                started = time.monotonic()
                replies[side] = say(url, f"{side}-{number}", message)
                seconds[side] += time.monotonic() - started
            turns += 1
            if replies["rasa"] != replies["embedded"] or not replies["rasa"]:
                differences.append({"said": message, **replies})
            clicks = [
                button["payload"]
                for reply in replies["embedded"]
                for button in reply.get("buttons", [])
            ]
    milliseconds = {side: round(1000 * total / turns, 1) for side, total in seconds.items()}
    return {"turns": turns, "mean_ms": milliseconds, "differences": differences}


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
