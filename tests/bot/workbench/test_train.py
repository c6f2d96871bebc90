"""What `showtell train` leaves behind and prints."""

from pathlib import Path

import numpy as np
import pytest

from bot.workbench.evaluate import run_evaluation
from bot.workbench.train import run_training
from embedding.training.config import TrainConfig

THINGS = ("dog", "cat", "boat", "house", "tree")


def test_folds_are_printed_and_a_report_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWTELL_DATA_DIR", str(tmp_path / "data"))
    data = tmp_path / "features"
    data.mkdir()
    random = np.random.default_rng(0)
    kinds = np.arange(30) % 5
    rows = np.eye(5)[kinds] + random.normal(0, 0.05, (30, 5))
    np.save(data / "features.npy", rows.astype(np.float32))
    lines = [f"image-{i}#0\ta {THINGS[kind]} of number {i}" for i, kind in enumerate(kinds)]
    (data / "captions.txt").write_text("\n".join(lines))
    config = TrainConfig(
        text_tower="lstm", dimension=8, image_hidden=0, epochs=2, batch_size=8, folds=3
    )
    run = tmp_path / "run"
    run_training(f"features:{data}", config, run, resume=False)
    printed = capfd.readouterr()
    assert "fold 3 of 3" in printed.out
    assert "± sd" in printed.out
    assert str(run / "report.html") in printed.err
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "10 images, 10 captions" in page
    assert "mean ± sd" in page

    report = tmp_path / "all.html"
    run_evaluation([str(run)], [f"features:{data}"], None, report=report)
    assert "95 % interval from" in capfd.readouterr().out
    assert "30 images, 30 captions" in report.read_text(encoding="utf-8")
