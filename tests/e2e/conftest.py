"""Whole journeys: the real command, a real server, real photographs."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
FLICKR8K = Path(os.environ.get("SHOWTELL_TEST_FLICKR8K", ROOT.parent / "shared" / "flickr8k"))
READY_S = 120


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def showtell(*arguments: str | Path) -> list[str]:
    """Return the command line of `showtell`, run by this environment's Python."""
    return [sys.executable, "-m", "bot", *map(str, arguments)]


def run_showtell(
    *arguments: str | Path, data_dir: Path, expect: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run a showtell command to its end, away from the user's own data."""
    done = subprocess.run(
        showtell(*arguments),
        env=environment(data_dir),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def environment(data_dir: Path) -> dict[str, str]:
    """Return an environment without the user's settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SHOWTELL_")}
    return {**kept, "SHOWTELL_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT)}


@contextmanager
def serving(*arguments: str | Path, data_dir: Path) -> Iterator[str]:
    """Run a showtell command that serves, until the block ends; yield its address."""
    port = free_port()
    server = subprocess.Popen(
        showtell(*arguments, "--port", str(port)), env=environment(data_dir), cwd=ROOT
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + READY_S
        while True:
            assert server.poll() is None, f"the server ended with {server.returncode}"
            assert time.monotonic() < deadline, f"not ready after {READY_S} s"
            try:
                if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) in (0, 130), "the server did not end cleanly"


@pytest.fixture
def data_dir(models_dir: Path, learned_dir: Path, tmp_path: Path) -> Path:
    """A data folder of one test, in which nothing is left to learn of the examples."""
    return _ready_folder(tmp_path / "data", models_dir, learned_dir)


def _ready_folder(folder: Path, models_dir: Path, learned_dir: Path) -> Path:
    (folder / "cache").mkdir(parents=True)
    for learned in learned_dir.glob("*.npz"):
        (folder / "cache" / learned.name).symlink_to(learned)
    (folder / "models").mkdir()
    for graphs in models_dir.glob("minilm-*"):
        (folder / "models" / graphs.name).symlink_to(graphs)
    return folder


@pytest.fixture(scope="session")
def demo_data(
    models_dir: Path, learned_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A data folder with the demo gallery, made by the real command: a run's own, or a kept one."""
    if made := os.environ.get("SHOWTELL_TEST_DEMO"):
        return Path(made).resolve()
    folder = _ready_folder(tmp_path_factory.mktemp("demo"), models_dir, learned_dir)
    run_showtell("demo", "--prepare-only", data_dir=folder)
    return folder


@pytest.fixture(scope="session")
def demo_url(demo_data: Path) -> Iterator[str]:
    """The address of a running `showtell demo`."""
    with serving("demo", data_dir=demo_data) as url:
        yield url


@pytest.fixture(scope="session")
def serve() -> Callable[..., AbstractContextManager[str]]:
    """Return `serving`, for tests that start servers of their own."""
    return serving


@pytest.fixture(scope="session")
def flickr8k() -> Path:
    """The folder with real photographs; without it the journey cannot be taken."""
    if not (FLICKR8K / "Flickr8k.token.txt").is_file():
        sentence = (
            f"no Flickr8k in {FLICKR8K}; name its folder with SHOWTELL_TEST_FLICKR8K "
            "to run the tests on real photographs"
        )
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return FLICKR8K
