"""Features that somebody computed before: with ids, in order, or refused."""

import re
from pathlib import Path

import numpy as np
import pytest

from embedding.data.pairs import Pairs, load_pairs
from embedding.errors import DataError


def captions_by_image(pairs: Pairs) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in pairs.image_ids}
    for caption, image in zip(pairs.captions, pairs.caption_to_image, strict=True):
        found[pairs.image_ids[image]].append(caption)
    return found


def test_features_with_ids_any_number_of_captions(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", np.arange(6).reshape(3, 2))
    (tmp_path / "captions.txt").write_text("x#0\ta\nx#1\tb\ny#0\tc\nz#0\td\nx#2\te\n")
    pairs = load_pairs(f"features:{tmp_path}")
    assert captions_by_image(pairs) == {"x": ["a", "b", "e"], "y": ["c"], "z": ["d"]}
    assert pairs.features is not None
    assert pairs.features.dtype == np.float32
    (tmp_path / "captions.txt").write_text("x\ta\ny\tb\n")
    with pytest.raises(DataError, match=r"names 2 images.*3 rows"):
        load_pairs(f"features:{tmp_path}")


def test_features_with_plain_captions(tmp_path: Path) -> None:
    (tmp_path / "captions.txt").write_text("".join(f"caption {i}\n" for i in range(6)))
    np.save(tmp_path / "features.npy", np.eye(3))
    assert load_pairs(f"features:{tmp_path}").caption_to_image.tolist() == [0, 0, 1, 1, 2, 2]
    # A file that repeats each image's row for each of its captions.
    np.save(tmp_path / "features.npy", np.repeat(np.eye(2), 3, axis=0))
    pairs = load_pairs(f"features:{tmp_path}")
    assert pairs.caption_to_image.tolist() == [0, 0, 0, 1, 1, 1]
    assert len(pairs.image_ids) == 2
    np.save(tmp_path / "features.npy", np.eye(4))
    with pytest.raises(DataError, match="6 lines for 4 rows"):
        load_pairs(f"features:{tmp_path}")
    np.save(tmp_path / "features.npy", np.full((3, 2), np.nan))
    with pytest.raises(DataError, match="the value nan in row 0"):
        load_pairs(f"features:{tmp_path}")


@pytest.mark.parametrize("value", [1e30, -1e30, np.inf, 1e300])
def test_features_that_would_overflow_in_training_are_refused(tmp_path: Path, value: float) -> None:
    features = np.eye(3)
    features[1, 2] = value
    np.save(tmp_path / "features.npy", features)
    (tmp_path / "captions.txt").write_text("a\nb\nc\n")
    with pytest.raises(DataError, match=rf"the value {re.escape(str(np.float64(value)))} in row 1"):
        load_pairs(f"features:{tmp_path}")


def test_features_never_unpickle(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", np.array([{"a": 1}]), allow_pickle=True)
    (tmp_path / "captions.txt").write_text("x\n")
    with pytest.raises(DataError, match=r"features\.npy"):
        load_pairs(f"features:{tmp_path}")
