"""What is known of each picture, by row and by id: one SQLite file."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from embedding.data.remote import RemoteFile, Root, folder_at
from retrieval.errors import GalleryError
from retrieval.store.kept import Kept
from retrieval.store.originals import find_original
from retrieval.store.protocol import Picture
from retrieval.store.words import valid_text

__all__ = ["PictureTable", "write_pictures"]

_FORMAT = 2
# Pictures that were read last are kept: a search looks at some forty, often the same.
_MOST_KEPT = 4096
"""Changes when tables written before can no longer be read."""

_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE pictures (
    row INTEGER PRIMARY KEY,
    image_id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    captions TEXT NOT NULL,
    metadata TEXT NOT NULL
);
"""

# Lists go into a statement as one JSON parameter: SQLite allows only so many of them.
_SELECT = "SELECT row, image_id, path, sha256, width, height, captions, metadata FROM pictures"


class PictureTable:
    """A table that was written before, read-only and safe to use from several threads.

    Attributes:
        root: the folder that the pictures lie in.
        attribution: who made them; may be empty.
    """

    def __init__(self, path: Path, root: Root | None = None) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._kept: Kept[int, Picture] = Kept(_MOST_KEPT)
        with self._connection() as database:
            try:
                about = dict(database.execute("SELECT key, value FROM about").fetchall())
                self._size = int(database.execute("SELECT count(*) FROM pictures").fetchone()[0])
            except sqlite3.DatabaseError as error:
                self.close()
                raise GalleryError(
                    f"{path.name} is not a readable gallery ({error}); index the pictures again"
                ) from None
        if about.get("format") != str(_FORMAT):
            self.close()
            raise GalleryError(
                f"{path.name} has gallery format {about.get('format')!r}, not {_FORMAT}; "
                "index the pictures again"
            )
        self.root = root or folder_at(about["root"])
        self.attribution: str = about["attribution"]

    @classmethod
    def open(cls, path: Path, root: Root | None = None) -> Self:
        """Open a table.

        Args:
            path: the SQLite file.
            root: where its pictures lie now, if not where they lay when it was written.

        Raises:
            GalleryError: the file is missing or no table of this format.
        """
        if not path.is_file():
            raise GalleryError(f"{path} does not exist; index the pictures first")
        return cls(path.absolute(), root)

    def __len__(self) -> int:
        return self._size

    def close(self) -> None:
        """Close the file; those who still read finish first."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            self._kept = Kept(_MOST_KEPT)
        for database in idle:
            database.close()

    def get(self, image_id: str) -> Picture | None:
        """Return a picture, or None if there is none of that id."""
        with self._connection() as database:
            cursor = database.execute(_SELECT + " WHERE image_id = ?", (valid_text(image_id),))
            found = cursor.fetchone()
        return _picture(found) if found else None

    def by_rows(self, rows: Sequence[int]) -> list[Picture]:
        """Return the pictures in these rows, in their order.

        Raises:
            GalleryError: there is no such row.
        """
        found = self._kept.find(rows)
        if new := [row for row in rows if row not in found]:
            with self._connection() as database:
                cursor = database.execute(
                    _SELECT + " WHERE row IN (SELECT value FROM json_each(?))",  # noqa: S608 - fixed parts
                    (json.dumps(new),),
                )
                read = {picture.row: picture for picture in map(_picture, cursor)}
            found |= read
            self._kept.keep(read)
        missing = [row for row in rows if row not in found]
        if missing:
            raise GalleryError(f"the gallery of {self._size} pictures has no row {missing[0]}")
        return [found[row] for row in rows]

    def rows_of(self, image_ids: Collection[str]) -> list[int]:
        """Return the rows of those pictures that are in the gallery, in the order of the ids."""
        if not image_ids:
            return []
        with self._connection() as database:
            cursor = database.execute(
                "SELECT image_id, row FROM pictures"
                " WHERE image_id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(image_ids)),),
            )
            rows = dict(cursor.fetchall())
        return [rows[image_id] for image_id in image_ids if image_id in rows]

    def file(self, image_id: str) -> Path | RemoteFile:
        """Return a picture's file; see originals.py for which files may be shown.

        Raises:
            GalleryError: no such picture, its file is gone, or its path leaves the root.
        """
        picture = self.get(image_id)
        if picture is None:
            raise GalleryError(f"there is no picture {image_id[:64]!r} in the gallery")
        try:
            return find_original(self.root, picture.path, picture.sha256)
        except (OSError, RuntimeError, ValueError):
            raise GalleryError(
                f"the file of picture {image_id} is gone; index the pictures again"
            ) from None

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that nobody else uses meanwhile; as many exist as read at once."""
        with self._lock:
            if self._closed:
                raise GalleryError(f"the gallery {self._path.name} is closed; open it again")
            database = self._idle.pop() if self._idle else None
        if database is None:
            # immutable: no locks and no journal, so a read-only disk does too.
            uri = f"{self._path.as_uri()}?mode=ro&immutable=1"
            database = sqlite3.connect(uri, uri=True, check_same_thread=False)
        try:
            yield database
        finally:
            self._give_back(database)

    def _give_back(self, database: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(database)
                return
        database.close()


def write_pictures(path: Path, pictures: Iterable[Picture], root: Root, attribution: str) -> None:
    """Write a new table.

    Raises:
        GalleryError: there is no room for it.
    """
    about = {"format": str(_FORMAT), "root": str(root), "attribution": attribution}
    try:
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.executescript(_SCHEMA)
            database.executemany("INSERT INTO about VALUES (?, ?)", about.items())
            database.executemany(
                "INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?, ?)", map(_values, pictures)
            )
    except sqlite3.OperationalError as error:
        raise GalleryError(
            f"{path.name} cannot be written ({error}); make room on the disk"
        ) from None


def _values(picture: Picture) -> tuple[Any, ...]:
    return (
        picture.row,
        picture.image_id,
        picture.path,
        picture.sha256,
        picture.width,
        picture.height,
        json.dumps(picture.captions, ensure_ascii=False),
        json.dumps(picture.metadata, ensure_ascii=False),
    )


def _picture(values: Sequence[Any]) -> Picture:
    row, image_id, path, sha256, width, height, captions, metadata = values
    return Picture(
        row,
        image_id,
        path,
        sha256,
        width,
        height,
        tuple(json.loads(captions)),
        json.loads(metadata),
    )
