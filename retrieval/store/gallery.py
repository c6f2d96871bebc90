"""The pictures that can be shown: SQLite with full-text search over their captions.

Written once (gallery_writer.py), read ever after. A picture's row is its id in the vector index.
"""

import contextlib
import functools
import json
import math
import sqlite3
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from retrieval.errors import GalleryError
from retrieval.store.filters import Facets, find_rows, read_facets
from retrieval.store.originals import find_original
from retrieval.store.words import content_words, exclusion_phrase, valid_text

__all__ = ["GALLERY_FORMAT", "Gallery", "GalleryImage"]

GALLERY_FORMAT = 1
"""Changes when galleries written before can no longer be read."""

# Lists go into a statement as one JSON parameter: SQLite allows only so many of them.
_SELECT = "SELECT row, image_id, path, sha256, width, height, captions, metadata FROM images"
# A request of more words than this is searched by its first ones: far beyond any sentence.
_MOST_WORDS = 64
# highlight() puts these around each match; they cannot be part of a word.
_OPEN, _CLOSE = "\x02", "\x03"


@dataclass(frozen=True)
class GalleryImage:
    """One picture of the gallery.

    Attributes:
        image_id: first 16 hex digits of `sha256`: the same in every version.
        path: where it lies below the gallery's root, with forward slashes.
        sha256: of the file's bytes, in hex.
        width: in pixels, upright.
        height: in pixels, upright.
        captions: what it is said to show; may be empty.
        metadata: whatever else is known of it.
    """

    image_id: str
    path: str
    sha256: str
    width: int
    height: int
    captions: tuple[str, ...]
    metadata: dict[str, str]


class Gallery:
    """A gallery that was written before, read-only and safe to use from several threads."""

    def __init__(self, path: Path, root: Path | None = None) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        with self._connection() as database:
            try:
                about = dict(database.execute("SELECT key, value FROM about").fetchall())
                self._size = int(database.execute("SELECT count(*) FROM images").fetchone()[0])
                indexed = database.execute("SELECT count(*) FROM captions WHERE text <> ''")
                self._captioned = int(indexed.fetchone()[0])
            except sqlite3.DatabaseError as error:
                self.close()
                raise GalleryError(
                    f"{path.name} is no readable gallery ({error}); index the pictures again"
                ) from None
        if about.get("format") != str(GALLERY_FORMAT):
            self.close()
            raise GalleryError(
                f"{path.name} has gallery format {about.get('format')!r}, not {GALLERY_FORMAT}; "
                "index the pictures again"
            )
        self.root = root or Path(about["root"])
        self.attribution = about["attribution"]
        # Bound here rather than as a decorator, so that the cache dies with the gallery.
        self._frequency = functools.lru_cache(maxsize=4096)(self._count_word)
        self._facets = functools.lru_cache(maxsize=1)(self._read_facets)

    @classmethod
    def open(cls, path: Path, root: Path | None = None) -> Self:
        """Open a gallery.

        Args:
            path: the SQLite file.
            root: where its pictures lie now, if not where they lay when it was written.

        Raises:
            GalleryError: the file is missing or no gallery of this format.
        """
        if not path.is_file():
            raise GalleryError(f"{path} does not exist; index the pictures first")
        return cls(path.absolute(), root)

    def __len__(self) -> int:
        return self._size

    @property
    def captioned(self) -> int:
        """Number of pictures that have a caption."""
        return self._captioned

    def close(self) -> None:
        """Close the file; those who still read finish first."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for database in idle:
            database.close()

    def get(self, image_id: str) -> GalleryImage | None:
        """Return a picture, or None if there is none of that id."""
        with self._connection() as database:
            cursor = database.execute(_SELECT + " WHERE image_id = ?", (valid_text(image_id),))
            found = cursor.fetchone()
        return _image(found)[1] if found else None

    def by_rows(self, rows: Sequence[int]) -> list[GalleryImage]:
        """Return the pictures in these rows, in their order.

        Raises:
            GalleryError: there is no such row.
        """
        with self._connection() as database:
            cursor = database.execute(
                _SELECT + " WHERE row IN (SELECT value FROM json_each(?))",  # noqa: S608 - fixed parts
                (json.dumps(list(rows)),),
            )
            found = dict(_image(values) for values in cursor)
        missing = [row for row in rows if row not in found]
        if missing:
            raise GalleryError(f"the gallery of {self._size} pictures has no row {missing[0]}")
        return [found[row] for row in rows]

    def rows_of(self, image_ids: Collection[str]) -> list[int]:
        """Return the rows of those pictures that are in the gallery, in the order of the ids."""
        with self._connection() as database:
            cursor = database.execute(
                "SELECT image_id, row FROM images"
                " WHERE image_id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(image_ids)),),
            )
            rows = dict(cursor.fetchall())
        return [rows[image_id] for image_id in image_ids if image_id in rows]

    def rows_where(self, filters: Sequence[tuple[str, str]]) -> list[int]:
        """Return the rows of which all (key, value) hold, ascending; filters.py has the forms.

        Raises:
            RetrievalError: the value of a date is none.
        """
        with self._connection() as database:
            return find_rows(database, filters)

    def facets(self) -> Facets:
        """Return what the pictures can be filtered by: folders, years, tags."""
        return self._facets()

    def search_captions(self, text: str, limit: int) -> list[tuple[int, float]]:
        """Return (row, BM25) of the captions that share a content word with a text, best first.

        Any text is safe; higher is better.
        """
        words = content_words(text)[:_MOST_WORDS]
        if not words:
            return []
        with self._connection() as database:
            cursor = database.execute(
                "SELECT rowid, -bm25(captions) FROM captions WHERE captions MATCH ?"
                " ORDER BY bm25(captions), rowid LIMIT ?",
                (_any_of(words), limit),
            )
            return [(int(row), float(score)) for row, score in cursor]

    def word_weight(self, word: str) -> float:
        """Return how telling a word is here: BM25's inverse document frequency, never below 0."""
        count = self._frequency(word)
        return max(0.0, math.log((self._captioned - count + 0.5) / (count + 0.5)))

    def words_in(self, words: Sequence[str], rows: Collection[int]) -> dict[int, tuple[str, ...]]:
        """Return for each of the rows those of the words that its captions hold, stemmed alike."""
        found: dict[int, tuple[str, ...]] = dict.fromkeys(rows, ())
        among = json.dumps(list(rows))
        with self._connection() as database:
            for word in words[:_MOST_WORDS]:
                cursor = database.execute(
                    "SELECT rowid FROM captions WHERE captions MATCH ?"
                    " AND rowid IN (SELECT value FROM json_each(?))",
                    (_phrase([word]), among),
                )
                for (row,) in cursor.fetchall():
                    found[row] = (*found[row], word)
        return found

    def best_captions(self, words: Sequence[str], rows: Collection[int]) -> dict[int, str]:
        """Return for those of the rows that match the caption that holds most of the words."""
        if not words:
            return {}
        with self._connection() as database:
            cursor = database.execute(
                "SELECT rowid, highlight(captions, 0, ?, ?) FROM captions"
                " WHERE captions MATCH ? AND rowid IN (SELECT value FROM json_each(?))",
                (_OPEN, _CLOSE, _any_of(words[:_MOST_WORDS]), json.dumps(list(rows))),
            )
            return {int(row): _most_marked(str(text)) for row, text in cursor}

    def rows_mentioning(self, phrases: Sequence[str]) -> set[int]:
        """Return the rows whose captions hold one of the phrases, stemmed ("dogs" finds "dog")."""
        wanted = [_phrase(words) for words in map(exclusion_phrase, phrases) if words]
        if not wanted:
            return set()
        with self._connection() as database:
            cursor = database.execute(
                "SELECT rowid FROM captions WHERE captions MATCH ?", (" OR ".join(wanted),)
            )
            return {int(row) for (row,) in cursor}

    def resolve(self, image_id: str) -> Path:
        """Return the picture's file; see originals.py for which files may be shown.

        Raises:
            GalleryError: no such picture, its file is gone, or its path leaves the root.
        """
        image = self.get(image_id)
        if image is None:
            raise GalleryError(f"there is no picture {image_id[:64]!r} in the gallery")
        try:
            return find_original(self.root, image.path, image.sha256)
        except (OSError, RuntimeError, ValueError):
            raise GalleryError(
                f"the file of picture {image_id} is gone; index the pictures again"
            ) from None

    def _read_facets(self) -> Facets:
        with self._connection() as database:
            return read_facets(database)

    def _count_word(self, word: str) -> int:
        with self._connection() as database:
            query = "SELECT count(*) FROM captions WHERE captions MATCH ?"
            return int(database.execute(query, (_phrase([word]),)).fetchone()[0])

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


def _image(values: Sequence[Any]) -> tuple[int, GalleryImage]:
    row, image_id, path, sha256, width, height, captions, metadata = values
    known: Mapping[str, str] = json.loads(metadata)
    image = GalleryImage(
        image_id, path, sha256, width, height, tuple(json.loads(captions)), dict(known)
    )
    return row, image


def _phrase(words: Sequence[str]) -> str:
    """Return an FTS5 phrase; quoted, so that no word is taken for an operator."""
    return '"' + " ".join(word.replace('"', "") for word in words) + '"'


def _any_of(words: Sequence[str]) -> str:
    return " OR ".join(_phrase([word]) for word in words)


def _most_marked(text: str) -> str:
    """Return the line with the most marked words (the first of equals), without the marks."""
    best = max(text.split("\n"), key=lambda line: line.count(_OPEN))
    return best.replace(_OPEN, "").replace(_CLOSE, "")
