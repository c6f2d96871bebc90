"""The files of the embedded store; what it does as a store is in test_stores.py."""

from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import GalleryError, IndexMismatch
from retrieval.store.embedded import EmbeddedWriter, open_store
from retrieval.store.protocol import Picture

SIZE, DIMENSION = 120, 8
THINGS = ("dog", "cat", "red car", "car that is red")


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


VECTORS = unit(np.random.default_rng(0).normal(size=(SIZE, DIMENSION)))
CAPTION_VECTORS = unit(np.random.default_rng(1).normal(size=(SIZE, DIMENSION)))


def picture(row: int) -> Picture:
    sha256 = f"{row + 1:064x}"[::-1]
    captions = (f"a {THINGS[row % 4]}",) if row % 5 else ()
    metadata = {"date": f"202{row % 3}-0{1 + row % 9}", "even": str(row % 2 == 0)}
    path = f"{'ab'[row % 2]}/{row}.png"
    return Picture(row, sha256[:16], path, sha256, 10, 20, captions, metadata)


PICTURES = [picture(row) for row in range(SIZE)]
CAPTIONED = [row for row in range(SIZE) if row % 5]


def write(directory: Path, pictures: list[Picture], count: int = SIZE) -> Path:
    with EmbeddedWriter(directory, DIMENSION) as writer:
        writer.add(VECTORS[:70])
        writer.add(VECTORS[70:count])
        writer.add_captions(CAPTIONED[:10], CAPTION_VECTORS[CAPTIONED[:10]])
        writer.add_captions(CAPTIONED[10:], CAPTION_VECTORS[CAPTIONED[10:]])
        writer.finish(pictures, Path("/pictures"), "by me")
    return directory


def test_the_writer_leaves_no_scratch_files_and_refuses_what_does_not_fit(tmp_path: Path) -> None:
    directory = write(tmp_path / "store", PICTURES)
    assert not list(directory.rglob(".*"))
    with pytest.raises(GalleryError, match="119 pictures and 120 vectors"):
        write(tmp_path / "other", PICTURES[:-1])
    with EmbeddedWriter(tmp_path / "third", DIMENSION) as writer:
        with pytest.raises(IndexMismatch, match="shape"):
            writer.add(VECTORS[:, :4])
        assert writer.vectors().shape == (0, DIMENSION)


@pytest.mark.parametrize("part", ["vectors.faiss", "captions.faiss", "words", "captions/rows.npy"])
def test_parts_of_two_stores_are_refused(tmp_path: Path, part: str) -> None:
    directory = write(tmp_path / "store", PICTURES)
    with EmbeddedWriter(tmp_path / "small", DIMENSION) as writer:
        writer.add(VECTORS[:70])
        writer.add_captions([1, 2], CAPTION_VECTORS[:2])
        writer.finish(PICTURES[:70], tmp_path, "")
    target = directory / part
    target.rename(tmp_path / "old")
    (tmp_path / "small" / part).rename(target)
    with pytest.raises(IndexMismatch, match=r"has \d+ rows, the gallery 120|captions"):
        open_store(directory)
