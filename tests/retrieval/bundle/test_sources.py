import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedding.data.pairs import Pairs
from retrieval.bundle.sources import (
    Candidate,
    Rejected,
    candidates_from_pairs,
    read_source,
)
from retrieval.errors import RetrievalError


def test_reads_a_file_by_relative_or_absolute_path(tmp_path: Path) -> None:
    root = tmp_path.resolve()
    (root / "sub").mkdir()
    Image.new("RGB", (3, 2), "red").save(root / "sub" / "ä b.png")
    for path in (Path("sub/ä b.png"), root / "sub" / "ä b.png", Path("sub/../sub/ä b.png")):
        source = read_source(Candidate(path), root)
        assert source.path == "sub/ä b.png"
        assert source.sha256 == hashlib.sha256((root / "sub" / "ä b.png").read_bytes()).hexdigest()
        assert source.decode().size == (3, 2)


def test_what_cannot_be_indexed_is_named(tmp_path: Path) -> None:
    root = (tmp_path / "root").resolve()
    root.mkdir()
    outside = tmp_path / "outside.png"
    outside.touch()
    (root / "link.png").symlink_to(outside)
    (root / "text.png").write_text("no picture")
    for path, why in (
        ("../outside.png", "outside the gallery's root"),
        (str(outside), "outside the gallery's root"),
        ("link.png", "outside the gallery's root"),
        ("gone.png", "No such file"),
        (".", "Is a directory"),
        ("bad\udcff.png", "not valid text"),
        ("nul\0.png", "not valid text"),
    ):
        with pytest.raises(Rejected, match=why):
            read_source(Candidate(Path(path)), root)
    with pytest.raises(Rejected, match=r"text\.png: .*not a picture"):
        read_source(Candidate(Path("text.png")), root).decode()


def test_candidates_from_pairs(tmp_path: Path) -> None:
    pairs = Pairs(
        name="test",
        image_ids=["a", "b"],
        captions=["b1", "a1", "b2"],
        caption_to_image=np.array([1, 0, 1]),
        image_paths=[tmp_path / "a.png", tmp_path / "b.png"],
        metadata=[{"k": "v"}, {}],
    )
    assert candidates_from_pairs(pairs) == [
        Candidate(tmp_path / "a.png", ("a1",), {"k": "v"}),
        Candidate(tmp_path / "b.png", ("b1", "b2"), {}),
    ]


def test_features_alone_cannot_be_shown() -> None:
    features = np.zeros((1, 4), np.float32)
    pairs = Pairs("test", ["a"], ["a1"], np.array([0]), features=features)
    with pytest.raises(RetrievalError, match="'test' has no image files"):
        candidates_from_pairs(pairs)
