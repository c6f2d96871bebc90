"""Which torch scripts/setup.py takes; the registry and PyTorch's CPU index are stand-ins."""

import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts import setup

TORCH = "torch==2.0"
CUDA = "nvidia-cublas; platform_system == 'Linux'"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CUDA is no default elsewhere")


@contextmanager
def package_index(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve a folder for each package: http.server's listing is a page that pip reads.

    Yields:
        The address, and the requests so far.
    """
    requests: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args: Any) -> None:
            requests.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()
        thread.join()


def add_wheel(folder: Path, name: str, version: str, *needs: str) -> None:
    """Write a wheel with nothing in it."""
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    metadata += [f"Requires-Dist: {need}" for need in needs]
    (folder / name).mkdir(parents=True)
    with zipfile.ZipFile(folder / name / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        info = f"{name}-{version}.dist-info"
        wheel.writestr(f"{info}/METADATA", "\n".join(metadata) + "\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of what pip asks by default; nothing else is known to pip."""
    for name in ("PIP_CONSTRAINT", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    for name in ("TORCH_INDEX", "TORCH_BUILD"):
        monkeypatch.delenv(name, raising=False)
    add_wheel(tmp_path / "registry", "filelock", "1")
    with package_index(tmp_path / "registry") as (url, _):
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
        monkeypatch.setenv("PIP_INDEX_URL", url)
        yield tmp_path / "registry"


@pytest.fixture
def cpu_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What PyTorch's index of CPU builds was asked for; it has torch and nothing else."""
    add_wheel(tmp_path / "cpu", "torch", "2.0+cpu", "filelock")
    with package_index(tmp_path / "cpu") as (url, requests):
        monkeypatch.setattr(setup, "CPU_INDEX", url)
        yield requests


def test_cpu_build_is_installed_where_pip_would_take_cuda(
    registry: Path,
    cpu_requests: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    add_wheel(registry, "torch", "2.0", CUDA, "filelock")
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (tmp_path / "requirements.lock").write_text(f"filelock==1\n{TORCH}\n")
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "PIP", [*setup.PIP, "--python", str(environment)])
    monkeypatch.setattr(sys, "argv", ["setup.py", "--requirements-only"])
    setup.main()
    installed = {path.stem for path in environment.glob("lib/*/site-packages/*.dist-info")}
    assert installed == {"torch-2.0+cpu", "filelock-1"}
    assert f"Taking torch's CPU build from {setup.CPU_INDEX};" in capsys.readouterr().out


@pytest.mark.parametrize("is_there", [True, False])
def test_goes_on_with_cuda_where_there_is_no_cpu_build(
    is_there: bool,
    registry: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    add_wheel(registry, "torch", "2.0", CUDA)
    add_wheel(tmp_path / "cpu", "torch", "1.9+cpu")
    with ExitStack() as stack:
        url, _ = stack.enter_context(package_index(tmp_path / "cpu"))
        monkeypatch.setattr(setup, "CPU_INDEX", url)
        if not is_there:
            stack.close()
        assert setup.torch_source(TORCH) == []
    said = capfd.readouterr()
    assert said.out.startswith("Taking torch's CUDA build, about 3 GB to download:")
    assert said.err == ""


def test_cpu_index_is_not_asked_where_pip_takes_a_cpu_build(
    registry: Path, cpu_requests: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    add_wheel(registry, "torch", "2.0+here", "filelock")
    assert setup.torch_source(TORCH) == []
    assert cpu_requests == []
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("needs", ["filelock", CUDA])
def test_torch_index_wins(
    needs: str,
    registry: Path,
    cpu_requests: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_wheel(tmp_path / "mine", "torch", "2.0+mine", needs)
    with package_index(tmp_path / "mine") as (url, requests):
        monkeypatch.setenv("TORCH_INDEX", url)
        assert setup.torch_source(TORCH) == ["--index-url", url]
    assert requests
    assert cpu_requests == []


def test_torch_build_cuda_wins(
    registry: Path, cpu_requests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_wheel(registry, "torch", "2.0", CUDA)
    monkeypatch.setenv("TORCH_BUILD", "cuda")
    assert setup.torch_source(TORCH) == []
    assert cpu_requests == []


def test_says_that_there_is_no_torch(registry: Path) -> None:
    with pytest.raises(SystemExit, match=r"pip finds no torch==2\.0 for Python"):
        setup.torch_source(TORCH)
