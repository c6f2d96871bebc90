"""Writing a new gallery, row by row."""

import json
import sqlite3
from pathlib import Path
from typing import Self

from retrieval.store.filters import indexed_metadata
from retrieval.store.gallery import GALLERY_FORMAT, GalleryImage

__all__ = ["GalleryWriter"]

# The captions of a picture are one document of the full-text table, a line each, stemmed: a
# search for "dogs" finds "dog". Captions and metadata stand in `images` too, as JSON, for reading.
_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE images (
    row INTEGER PRIMARY KEY,
    image_id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    captions TEXT NOT NULL,
    metadata TEXT NOT NULL
);
CREATE TABLE metadata (
    key TEXT NOT NULL, value TEXT NOT NULL, row INTEGER NOT NULL,
    PRIMARY KEY (key, value, row)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE captions USING fts5 (
    text, tokenize = 'porter unicode61 remove_diacritics 2'
);
"""


class GalleryWriter:
    """Writes a new gallery; use as a context manager."""

    def __init__(self, path: Path, root: Path, attribution: str) -> None:
        self._database = sqlite3.connect(path)
        self._database.executescript(_SCHEMA)
        about = {"format": str(GALLERY_FORMAT), "root": str(root), "attribution": attribution}
        self._database.executemany("INSERT INTO about VALUES (?, ?)", about.items())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        try:
            if failure is None:
                self._database.commit()
                self._database.execute("INSERT INTO captions(captions) VALUES ('optimize')")
                self._database.commit()
        finally:
            self._database.close()

    def add(self, row: int, image: GalleryImage) -> None:
        """Add a picture under its row."""
        values = (
            row,
            image.image_id,
            image.path,
            image.sha256,
            image.width,
            image.height,
            json.dumps(image.captions, ensure_ascii=False),
            json.dumps(image.metadata, ensure_ascii=False),
        )
        self._database.execute("INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        self._database.executemany(
            "INSERT INTO metadata VALUES (?, ?, ?)",
            [(key, value, row) for key, value in indexed_metadata(image.metadata)],
        )
        # `Gallery.best_captions` takes the lines apart again.
        text = "\n".join(" ".join(caption.split()) for caption in image.captions)
        self._database.execute("INSERT INTO captions(rowid, text) VALUES (?, ?)", (row, text))
