"""Data for training, small, and an LSTM that is."""

from pathlib import Path

import numpy as np
import pytest

from tests.embedding.processes import small_lstm

COLORS = ("red", "green", "blue", "yellow", "black", "white")
THINGS = ("dog", "cat", "boat", "house", "tree")


@pytest.fixture(autouse=True)
def _small_lstm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of a small training's time goes into checkpoints of an LSTM of the usual size."""
    monkeypatch.setattr("embedding.training.parameters.lstm_tower", small_lstm)


@pytest.fixture
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare vectors, not the rounding of bfloat16, which torch takes where a processor has it."""
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)


@pytest.fixture(scope="session")
def features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Precomputed features: a number for each colour and each thing, with a little noise.

    Do not change them.
    """
    random = np.random.default_rng(0)
    directory = tmp_path_factory.mktemp("precomputed") / "features"
    directory.mkdir()
    rows, lines = [], []
    for i in range(90):
        color, thing = COLORS[i % 6], THINGS[i // 6 % 5]
        row = np.zeros(11, dtype=np.float32)
        row[i % 6], row[6 + i // 6 % 5] = 1, 1
        rows.append(row + random.normal(0, 0.05, 11))
        for n in range(1 + i % 4):  # any number of captions
            lines.append(f"image-{i}#{n}\t{['the', 'a', 'some', 'one'][n]} {color} {thing} no{i}")
    np.save(directory / "features.npy", np.array(rows, dtype=np.float32))
    (directory / "captions.txt").write_text("\n".join(lines))
    return directory
