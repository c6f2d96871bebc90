"""Killed at any moment, a run goes on from a whole checkpoint and ends as if undisturbed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from embedding.errors import TrainingError
from embedding.model.joint import JointEmbedding
from embedding.training.checkpoint import Checkpoint
from embedding.training.config import TrainConfig
from embedding.training.train import train
from tests.embedding.processes import LSTM

ROOT = Path(__file__).parents[3]
RANDOM = {"average": 0.9, "dropout": 0.3, "checkpoint_every": 2, "chunk": 8}
STEPS = ("3", "21")


def test_the_newest_whole_checkpoint_is_the_one_that_counts(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "c", {"settings": 1})
    assert checkpoint.load() is None
    for step in (1, 2):
        checkpoint.save({"weights": torch.full((2,), float(step))}, {"step": step})
    assert len(list((tmp_path / "c").glob("*.pt"))) == 1
    # Killed after new tensors were written, before they were named.
    (tmp_path / "c" / "state-9.pt").write_bytes(b"half")
    found = Checkpoint(tmp_path / "c", {"settings": 1}).load()
    assert found is not None
    tensors, progress = found
    assert (tensors["weights"].tolist(), progress) == ([2.0, 2.0], {"step": 2})
    with pytest.raises(TrainingError, match="settings 1, now it is 2"):
        Checkpoint(tmp_path / "c", {"settings": 2}).load()
    (tmp_path / "c" / "progress.json").write_text("{}")
    with pytest.raises(TrainingError, match="delete it to start anew"):
        checkpoint.load()
    checkpoint.clear()
    assert checkpoint.load() is None


def test_a_killed_run_ends_as_if_it_had_not_been(features: Path, tmp_path: Path) -> None:
    train(f"features:{features}", TrainConfig(**{**LSTM, **RANDOM}), tmp_path / "whole")
    command = [sys.executable, "-m", "tests.embedding.processes", "killed"]
    command += [str(features), str(tmp_path), json.dumps(RANDOM), *STEPS]
    # Another number of threads would add numbers up in another order.
    alike = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run(command, cwd=ROOT, env=alike, stdout=subprocess.PIPE, check=True)
    ended = json.loads(done.stdout)
    for step in STEPS:
        assert ended[step]["codes"] == [-signal.SIGKILL, 0]
        assert not ended[step]["had_model"]
        assert ended[step]["went_on_at"] > 1  # it did not start anew
        whole, resumed = (JointEmbedding.load(tmp_path / name) for name in ("whole", step))
        assert resumed.fingerprint == whole.fingerprint
        histories = [
            json.loads((tmp_path / name / "training.json").read_text())["history"]
            for name in ("whole", step)
        ]
        assert [r["loss"] for r in histories[0]] == [r["loss"] for r in histories[1]]
