"""The printed table has the literature's columns and fits a terminal."""

import json
from pathlib import Path

import pytest

from bot.errors import BadUse
from bot.workbench.evaluate import run_evaluation
from bot.workbench.recall_table import fold_lines, recall_lines
from embedding.data.pairs import load_pairs
from embedding.errors import TrainingError
from embedding.evaluation.intervals import Intervals, RankIntervals
from embedding.evaluation.published import FLICKR8K, published_rows
from embedding.evaluation.recall import Metrics


def metrics(r1: float, **more: Intervals) -> Metrics:
    found: Metrics = {
        "text_to_image": {"r1": r1, "r5": 52.8, "r10": 66.8, "median_rank": 5},
        "image_to_text": {"r1": 29.5, "r5": 59.8, "r10": 71.6, "median_rank": 4},
        "images": 1000,
        "captions": 5000,
    }
    if "intervals" in more:
        found["intervals"] = more["intervals"]
    return found


def test_columns_follow_the_literature_and_intervals_stand_below() -> None:
    ends: RankIntervals = {
        "r1": (21.5, 24.0),
        "r5": (51.0, 54.5),
        "r10": (65.0, 68.5),
        "median_rank": (5, 6),
    }
    intervals: Intervals = {
        "text_to_image": ends,
        "image_to_text": ends,
        "resamples": 1000,
        "seed": 0,
    }
    lines = list(recall_lines([("runs/f8k", metrics(22.7, intervals=intervals))], FLICKR8K))
    assert lines[1].split() == ["R@1", "R@5", "R@10", "med"] * 2
    assert " ".join(lines[2].split()) == "runs/f8k 22.7 52.8 66.8 5 29.5 59.8 71.6 4"
    assert " ".join(lines[3].split()[-8:]) == "21.5 51.0 65.0 5 21.5 51.0 65.0 5"
    assert " ".join(lines[4].split()) == "to 24.0 54.5 68.5 6 24.0 54.5 68.5 6"
    assert " ".join(lines[5].split()[-8:]) == "12.5 37.0 51.5 10 18.0 40.9 55.0 -"
    assert max(map(len, lines)) <= 80


def test_a_long_name_keeps_its_end() -> None:
    line = list(recall_lines([("very/" * 20 + "f8k", metrics(22.7))]))[2]
    assert len(line) <= 80
    assert "very/f8k " in line


def test_folds_end_with_mean_and_deviation() -> None:
    lines = list(fold_lines([metrics(20.0), metrics(22.0), metrics(24.0)]))
    assert lines[2].startswith("fold 1 of 3 ")
    assert lines[-2].split()[:3] == ["mean", "22.0", "52.8"]
    assert lines[-1].split()[:4] == ["±", "sd", "2.0", "0.0"]


def test_published_rows_stand_beside_flickr8k_only() -> None:
    assert published_rows("flickr8k:../shared/flickr8k") == FLICKR8K
    assert published_rows("csv:pictures") == ()


def test_a_run_shows_its_folds_without_data(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folds = [metrics(20.0), metrics(24.0)]
    record = {"metrics": folds[1], "folds": folds, "data": {"name": "features:x"}}
    (tmp_path / "training.json").write_text(json.dumps(record))
    run_evaluation([str(tmp_path)], [], None, json_file=tmp_path / "figures.json")
    assert "fold 2 of 2" in capfd.readouterr().out
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["text_to_image"]["r1"] == 24.0
    assert figures["folds"] == folds
    assert figures["folds_mean"]["text_to_image"]["r1"] == 22.0
    assert figures["folds_sd"]["text_to_image"]["r1"] == pytest.approx(2.83)


def test_without_data_and_without_a_run_it_says_what_to_add(tmp_path: Path) -> None:
    with pytest.raises(BadUse, match="add --data"):
        run_evaluation([str(tmp_path)], [], None)
    (tmp_path / "training.json").write_text("{")
    with pytest.raises(TrainingError, match="damaged"):
        run_evaluation([str(tmp_path)], [], None)


def test_several_models_on_several_data_sets_are_one_table(
    shapes_dir: Path,
    shapes_model_dir: Path,
    asking_model_dir: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOWTELL_DATA_DIR", str(tmp_path / "data"))
    # The same drawings as a Karpathy split, whose pictures lie elsewhere.
    shapes = load_pairs(f"csv:{shapes_dir}", "dev")
    records = [
        {
            "filename": name,
            "split": "val",
            "cocoid": i,
            "sentences": [{"raw": text, "sentid": 100 * i + j} for j, text in enumerate(captions)],
        }
        for i, (name, captions) in enumerate(
            zip(shapes.image_ids, shapes.captions_by_image(), strict=True)
        )
    ]
    (tmp_path / "dataset_shapes.json").write_text(json.dumps({"images": records[:-1]}))
    data = [f"csv:{shapes_dir}", f"karpathy:{tmp_path / 'dataset_shapes.json'}:{shapes_dir}"]
    models = [str(asking_model_dir), str(shapes_model_dir)]
    file = tmp_path / "figures.json"
    run_evaluation(models, data, "dev", json_file=file)

    printed, figures = capfd.readouterr(), json.loads(file.read_text())
    n = len(records)
    assert [(one["model"], one["data"], one["images"]) for one in figures] == [
        *((model, data[0], n) for model in models),
        *((model, data[1], n - 1) for model in models),
    ]
    # Only a model that has typical requests has a row for how the search ranks with them.
    assert ["as_searched" in one for one in figures] == [True, False] * 2
    assert "near a picture is to any request" in printed.err
    lines = printed.out.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith(tuple(data))]
    assert [lines[i].split(": ")[1].split()[0] for i in starts] == [str(n), str(n - 1)]
    second = [line.split() for line in lines[starts[1] + 1 :]]
    # Each row has its interval's two ends below it.
    assert len(second) == 9
    for row, values in ((0, figures[2]), (3, figures[2]["as_searched"]), (6, figures[3])):
        assert float(second[row][-8]) == pytest.approx(values["text_to_image"]["r1"], abs=0.05)
        assert float(second[row + 1][-8]) == pytest.approx(
            values["intervals"]["text_to_image"]["r1"][0], abs=0.05
        )

    with pytest.raises(BadUse, match="one model on one data set"):
        run_evaluation(models, data, "dev", report=tmp_path / "report.html")

    # Pictures 0 and 1 fit the captions of both.
    both = {"0": [0, 1], "100": [0, 1]}, {"0": [0, 100], "1": [0, 100]}
    for name, right in zip(("caption_to_image", "image_to_caption"), both, strict=True):
        (tmp_path / f"more_{name}.json").write_text(json.dumps(right))
    run_evaluation(models[1:], data[1:], "dev", json_file=file, positives=tmp_path / "more")
    judged = json.loads(file.read_text())["positives"]["text_to_image"]
    rows = capfd.readouterr().out.splitlines()
    row = next(i for i, line in enumerate(rows) if line.split() == ["R@1", "R-P", "mAP@R"] * 2) + 1
    assert judged["queries"] == 2
    for cell, name in zip(rows[row].split()[-6:], ("r1", "r_precision", "map_at_r"), strict=False):
        assert float(cell) == pytest.approx(judged[name], abs=0.05)
    with pytest.raises(BadUse, match="of the kind karpathy"):
        run_evaluation(models[1:], data[:1], "dev", positives=tmp_path / "more")
