import sqlite3
from pathlib import Path

import pytest

from retrieval.errors import GalleryError
from retrieval.store.gallery import Gallery, GalleryImage
from retrieval.store.gallery_writer import GalleryWriter

IMAGE = GalleryImage("ab" * 8, "a.png", "ab" * 32, 3, 4, ("line\none", "two"), {"ä": "ö"})


def test_a_failure_leaves_nothing_readable(tmp_path: Path) -> None:
    path = tmp_path / "gallery.sqlite"

    def write_twice() -> None:
        with GalleryWriter(path, tmp_path, "") as writer:
            writer.add(0, IMAGE)
            writer.add(0, IMAGE)

    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        write_twice()
    with pytest.raises(GalleryError):
        Gallery.open(path)


def test_a_caption_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "gallery.sqlite"
    with GalleryWriter(path, tmp_path, "") as writer:
        writer.add(0, IMAGE)
    gallery = Gallery.open(path)
    assert gallery.best_captions(["one"], [0]) == {0: "line one"}
    assert gallery.by_rows([0]) == [IMAGE]
    gallery.close()
