"""`showtell train-reranker` and `showtell evaluate --rerank`."""

import json
from pathlib import Path

import pytest

from bot.errors import BadUse
from bot.workbench.evaluate import run_evaluation
from bot.workbench.rerank import run_reranker_training
from embedding.errors import DataError, ModelError, TrainingError


def test_a_second_stage_is_trained_and_has_a_row_of_its_own(
    shapes_dir: Path,
    shapes_model_dir: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOWTELL_DATA_DIR", str(tmp_path / "data"))
    settings = tmp_path / "rerank.toml"
    settings.write_text(
        "networks = 'efficientnet-lite0'\nimage_size = 96\nside = 2\ndimension = 16\n"
        "epochs = 1\ncandidates = 4\n"
    )
    model, data, second = str(shapes_model_dir), f"csv:{shapes_dir}", tmp_path / "second"
    run_reranker_training(model, data, settings, second)
    printed = capfd.readouterr()
    assert "its first 4 re-ranked" in printed.out
    assert str(second) in printed.err
    record = json.loads((second / "reranker.json").read_text())
    assert record["settings"]["candidates"] == 4

    figures = tmp_path / "figures.json"
    run_evaluation([model], [data], "dev", json_file=figures, rerank_dir=second)
    lines = capfd.readouterr().out.splitlines()
    own, below = (
        next(i for i, line in enumerate(lines) if name in line)
        for name in (model[-20:], "its first 4 re-ranked")
    )
    assert below == own + 3  # the model's intervals stand between
    assert len(lines[below].split()) == len(["its", "first", "4", "re-ranked"]) + 8
    assert "95 % interval from" in lines[below + 1]
    found = json.loads(figures.read_text())
    assert found["reranked"]["candidates"] == 4
    assert found["reranked"]["images"] == found["images"]
    assert found["reranked"]["text_to_image"] == record["metrics"]["text_to_image"]
    assert found["text_to_image"] == record["before"]["text_to_image"]
    assert found["reranked"]["text_to_image"]["r5"] >= found["text_to_image"]["r1"]

    run_evaluation([model], [data], "dev", json_file=figures)
    assert "reranked" not in json.loads(figures.read_text())


def test_what_cannot_be_reranked_is_said(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWTELL_DATA_DIR", str(tmp_path / "data"))
    model, data = str(shapes_model_dir), f"csv:{shapes_dir}"
    with pytest.raises(ModelError, match="holds no re-ranker"):
        run_evaluation([model], [data], "dev", rerank_dir=tmp_path)
    (tmp_path / "training.json").write_text(json.dumps({"metrics": {}, "data": {"name": "x"}}))
    with pytest.raises(BadUse, match="add --data"):
        run_evaluation([str(tmp_path)], [], None, rerank_dir=tmp_path)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("networks = 'resnet'")
    with pytest.raises(TrainingError, match="resnet"):
        run_reranker_training(model, data, wrong, tmp_path / "out")


def test_features_without_pictures_cannot_be_reranked(
    shapes_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    monkeypatch.setenv("SHOWTELL_DATA_DIR", str(tmp_path / "data"))
    data = tmp_path / "features"
    data.mkdir()
    np.save(data / "features.npy", np.zeros((20, 1280), dtype=np.float32))
    (data / "captions.txt").write_text("\n".join(f"{i}#0\ta thing" for i in range(20)))
    with pytest.raises(DataError, match="no image files"):
        run_reranker_training(str(shapes_model_dir), f"features:{data}", None, tmp_path / "out")
