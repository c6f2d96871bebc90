import hashlib
import os
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
    (root / "loop.png").symlink_to(root / "loop.png")
    os.mkfifo(root / "pipe.png")
    (root / "text.png").write_text("no picture")
    for path, why in (
        ("../outside.png", "outside the gallery's root"),
        (str(outside), "outside the gallery's root"),
        ("loop.png", "Too many levels|[Ll]oop"),
        ("pipe.png", "is not a regular file"),
        ("gone.png", "No such file"),
        (".", "is not a regular file"),
        ("bad\udcff.png", "not valid text"),
        ("nul\0.png", "not valid text"),
        ("two\nlines.png", "not valid text"),
    ):
        with pytest.raises(Rejected, match=why):
            read_source(Candidate(Path(path)), root)
    with pytest.raises(Rejected, match=r"text\.png: .*not a picture"):
        read_source(Candidate(Path("text.png")), root).decode()


@pytest.mark.parametrize(
    "name",
    [
        "Screenshot 3.04.05\u202fPM.png",  # macOS puts a narrow no-break space there
        "no\u00a0break.png",
        "写真\u3000夏.png",
        "👨\u200d👩\u200d👧.png",
        "soft\u00adhyphen.png",
        "मी\u200dठा.png",
        "cafe\u0301.png",
    ],
)
def test_names_with_any_space_joiner_or_mark_are_read(name: str, tmp_path: Path) -> None:
    root = tmp_path.resolve()
    Image.new("RGB", (3, 2)).save(root / name)
    assert read_source(Candidate(Path(name)), root).path == name


def test_a_file_that_is_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.bundle.sources.MAX_BYTES", 10)
    (tmp_path / "large.png").write_bytes(b"x" * 11)
    with pytest.raises(Rejected, match="has 11 bytes, more than the 10 allowed"):
        read_source(Candidate(Path("large.png")), tmp_path.resolve())


def test_a_root_reached_through_a_link_holds_its_files(tmp_path: Path) -> None:
    root = (tmp_path / "root").resolve()
    root.mkdir()
    (tmp_path / "way").symlink_to(root)
    Image.new("RGB", (3, 2)).save(root / "a.png")
    assert read_source(Candidate(tmp_path / "way" / "a.png"), root).path == "a.png"


def test_a_link_inside_the_root_is_read_under_its_own_name(tmp_path: Path) -> None:
    root = (tmp_path / "root").resolve()
    (root / "sub").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    Image.new("RGB", (3, 2)).save(tmp_path / "elsewhere" / "a.png")
    (root / "sub" / "mine.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    (root / "holiday").symlink_to(tmp_path / "elsewhere")
    assert read_source(Candidate(Path("sub/mine.png")), root).path == "sub/mine.png"
    assert read_source(Candidate(root / "holiday" / "a.png"), root).path == "holiday/a.png"


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
