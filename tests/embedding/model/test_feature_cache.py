"""Image features are computed once for each content; broken pictures are named."""

from pathlib import Path

import numpy as np
import pytest

from embedding.data.pairs import load_pairs
from embedding.errors import DataError
from embedding.model.feature_cache import extract_features
from embedding.model.joint import JointEmbedding


def test_features_are_cached_by_content(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = JointEmbedding.load(shapes_model_dir)
    pairs = load_pairs(f"csv:{shapes_dir}").subset(range(6))
    assert pairs.image_paths is not None
    reports: list[tuple[int, int]] = []
    first = extract_features(
        model,
        pairs,
        mirrored=True,
        cache_dir=tmp_path,
        progress=lambda done, total, what: reports.append((done, total)),
    )
    assert first.vectors.shape == (2, 6, 1280)
    assert reports[-1] == (6, 6)
    assert np.abs(first.vectors[0] - first.vectors[1]).max() > 0

    # The same bytes under another name are known; a broken file among them is named.
    copy = tmp_path / "renamed.png"
    copy.write_bytes(pairs.image_paths[2].read_bytes())
    broken = tmp_path / "broken.png"
    broken.write_bytes(copy.read_bytes()[:100])
    pairs.image_paths[2], pairs.image_paths[4] = copy, broken
    pairs.image_paths[5] = tmp_path / "gone.png"

    def refuse(*_args: object) -> None:
        raise AssertionError("a known picture was encoded again")

    monkeypatch.setattr(JointEmbedding, "encode_image_features", refuse)
    second = extract_features(model, pairs, mirrored=True, cache_dir=tmp_path)
    assert second.kept.tolist() == [0, 1, 2, 3]
    assert (second.vectors == first.vectors[:, :4]).all()
    assert [item.what for item in second.skipped] == [pairs.image_ids[4], pairs.image_ids[5]]
    assert "truncated" in second.skipped[0].why
    plain = extract_features(model, pairs, cache_dir=tmp_path)
    assert (plain.vectors[0] == first.vectors[0, :4]).all()


def test_nothing_readable_is_an_error(shapes_model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    pairs = load_pairs(f"folder:{tmp_path}")
    model = JointEmbedding.load(shapes_model_dir)
    with pytest.raises(DataError, match=r"none of the 1 pictures.*a\.png"):
        extract_features(model, pairs, cache_dir=tmp_path / "cache")
