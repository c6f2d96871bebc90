from pathlib import Path

import pytest

from embedding.model.files import FORMAT, write_info
from retrieval.bundle.overview import ModelRecall, describe_versions, told_recall
from retrieval.bundle.versions import current_version


def test_tells_what_the_manifest_says_and_what_is_wrong(bundles_copy: Path) -> None:
    version = current_version(bundles_copy)
    (bundles_copy / "0009-00000000").mkdir()
    known, broken = describe_versions(bundles_copy)
    assert (known.version, known.live, known.count, known.model) == (version, True, 90, "shapes")
    assert known.created is not None
    files = [path for path in (bundles_copy / version).rglob("*") if path.is_file()]
    assert known.size == sum(path.stat().st_size for path in files)
    assert (broken.version, broken.live, broken.size, broken.count) == (
        "0009-00000000",
        False,
        0,
        None,
    )
    assert broken.problem == "manifest.json is missing"


def test_a_folder_without_bundles_has_none(tmp_path: Path) -> None:
    assert describe_versions(tmp_path) == describe_versions(tmp_path / "nowhere") == []


MEASURED = {"r1": 40.0, "r5": 70.0, "r10": 81.5, "median_rank": 2.0}
TRAINED = {"data": {"name": "csv:pairs"}, "metrics": {"text_to_image": MEASURED}}
CHOSEN = {
    "int8": {"text_to_image": 78.26, "image_to_text": 85.9},
    "float32": {"text_to_image": 78.62, "image_to_text": 85.6},
    "data": "flickr8k:f, dev",
}


@pytest.mark.parametrize(
    ("info", "told"),
    [
        ({}, None),
        ({"onnx": {"text": "float32"}}, None),
        (
            {**TRAINED, "training": {"train_on": "split"}},
            ModelRecall(81.5, "csv:pairs, held out", None),
        ),
        (
            {**TRAINED, "training": {"train_on": "all"}},
            ModelRecall(81.5, "csv:pairs, what it learned", None),
        ),
        (
            {"onnx": {"text": "int8", "recall_at_10": CHOSEN}},
            ModelRecall(78.26, "flickr8k:f, dev", None),
        ),
        (
            {"adapted": {"gain_in_recall": {"r1": 1.0, "r5": 2.0, "r10": 3.5}}},
            ModelRecall(None, "", 3.5),
        ),
        ({"metrics": {"recall": 1}}, None),
        ({"onnx": None}, None),
        ({"format": 99}, None),
    ],
)
def test_a_version_tells_the_recall_that_its_model_was_made_with(
    info: dict[str, object], told: ModelRecall | None, tmp_path: Path
) -> None:
    write_info(tmp_path, {"format": FORMAT, **info})
    assert told_recall(tmp_path) == told


def test_a_model_of_others_tells_no_recall(tmp_path: Path) -> None:
    assert told_recall(tmp_path) is None
