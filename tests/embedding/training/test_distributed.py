"""Two processes of torchrun against one: the same loss, gradients, curve and recall."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from embedding.errors import TrainingError
from embedding.training.config import TrainConfig
from embedding.training.distributed import World, join_world
from embedding.training.train import train
from tests.embedding.processes import LSTM, one_step

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def two(features: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes of torchrun wrote: their gradients, and the run of a training."""
    out = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    torchrun += ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    # Gloo's first connections fail now and then where the machine is busy.
    torchrun += ["--max-restarts", "2"]
    command = [*torchrun, "-m", "tests.embedding.processes", "together", str(features), str(out)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
        try:
            _, said = running.communicate(timeout=120)
        except BaseException:
            running.terminate()  # torchrun ends its processes; killed, it would leave them behind
            raise
    assert running.returncode == 0, said[-3000:]
    return out


def test_gradients_are_those_of_one_process_with_the_whole_batch(two: Path, tmp_path: Path) -> None:
    one_step(World(torch.device("cpu")), tmp_path, chunk=0)
    expected = torch.load(tmp_path / "0-0.pt")
    assert expected.pop("own") == 19
    assert expected["loss"] > 0.5
    for chunk in (0, 4):
        parts = [torch.load(two / f"{chunk}-{rank}.pt") for rank in (0, 1)]
        assert [part.pop("own") for part in parts] == [8, 11]
        for part in parts:
            torch.testing.assert_close(part, expected)


def test_a_run_of_two_processes_is_the_run_of_one(
    features: Path, two: Path, tmp_path: Path
) -> None:
    train(f"features:{features}", TrainConfig(**LSTM), tmp_path / "one")
    alone, together = record(tmp_path / "one"), record(two / "run")
    assert len(alone["history"]) == 4
    for before, after in zip(alone["history"], together["history"], strict=True):
        assert after["loss"] == pytest.approx(before["loss"], rel=1e-4)
    assert together["metrics"] == alone["metrics"]


def record(run_dir: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run_dir / "training.json").read_text())
    return found


def test_shares_are_all_there_is() -> None:
    cpu = torch.device("cpu")
    shares = [World(cpu, rank, 3).share(10) for rank in range(3)]
    assert shares == [(0, 3), (3, 6), (6, 10)]
    with pytest.raises(TrainingError, match="2 images for 3 processes; set a larger batch_size"):
        World(cpu, 0, 3).share(2)


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with join_world("auto") as world:
        assert (world.device.type, world.size, world.is_first) == ("cpu", 1, True)
    with pytest.raises(TrainingError, match="'cuda', but torch finds none"), join_world("cuda"):
        pass
