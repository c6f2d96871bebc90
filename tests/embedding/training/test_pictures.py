"""Pictures decoded once: exact squares, broken ones named, changed ones decoded again."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedding.errors import DataError, TrainingError
from embedding.model.efficientnet import EfficientNetLiteImageProcessor
from embedding.model.towers import feature_tower, image_tower
from embedding.training.pictures import PixelScale, store_pictures


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    random = np.random.default_rng(0)
    files = []
    for i in range(4):
        file = tmp_path / f"{i}.png"
        Image.fromarray(random.integers(0, 255, (60, 90 + i, 3), dtype=np.uint8)).save(file)
        files.append(file)
    files[1].write_bytes(files[1].read_bytes()[:80])
    return [*files, tmp_path / "gone.png"]


def test_squares_are_kept_and_broken_pictures_named(
    paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[int] = []
    first = store_pictures(
        paths, 32, "squash", tmp_path / "cache", lambda d, t, w: reports.append(d)
    )
    assert reports[-1] == 5
    assert first.kept.tolist() == [0, 2, 3]
    names = [path.name for path in paths]
    assert [item.what for item in first.skipped(names)] == ["1.png", "gone.png"]
    assert "truncated" in first.why[1]

    def refuse(*_args: object) -> None:
        raise AssertionError("a known picture was decoded again")

    with monkeypatch.context() as patched:
        patched.setattr("embedding.training.pictures.open_image", refuse)
        again = store_pictures(paths, 32, "squash", tmp_path / "cache")
        assert (again.squares == first.squares).all()
        assert again.why == first.why
        with pytest.raises(AssertionError):
            store_pictures(paths, 32, "crop", tmp_path / "cache")
    os.utime(paths[0], (1, 1))
    Image.new("RGB", (9, 9), "red").save(paths[1])
    assert store_pictures(paths, 32, "squash", tmp_path / "cache").kept.tolist() == [0, 1, 2, 3]


def test_pixels_are_what_the_processor_makes_of_a_picture(
    paths: list[Path], tmp_path: Path
) -> None:
    tower = image_tower("efficientnet-lite0", 8, hidden=0, dropout=0.0, fit="squash", image_size=64)
    scale = PixelScale.measured(tower, "lite")
    assert (scale.side, scale.fit) == (64, "squash")
    stored = store_pictures(paths, scale.side, scale.fit, tmp_path / "cache")
    import torch

    found = scale.apply(torch.from_numpy(stored.squares[[0, 2]]))
    images = [Image.open(paths[i]) for i in (0, 2)]
    expected = EfficientNetLiteImageProcessor(64, "squash")(images)["pixel_values"]
    torch.testing.assert_close(found, expected)


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none of the 1 pictures can be read \(.*gone"):
        store_pictures([tmp_path / "gone"], 32, "crop", tmp_path / "cache")
    with pytest.raises(TrainingError, match="'features' takes no squares of pixels"):
        PixelScale.measured(feature_tower(3, 2), "features")
