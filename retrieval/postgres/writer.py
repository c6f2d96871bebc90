"""Writing the next version: what is as before is shared, the rest is ended or added.

Everything happens in the transaction of whoever calls, under the lock of those who build: readers
see nothing of it before the end, and nothing is left of it if it fails.
"""

import hashlib
import json
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from embedding.data.remote import Root
from retrieval.postgres.database import Connection
from retrieval.postgres.rows import StoredVersion
from retrieval.postgres.statistics import Counts, counts_of
from retrieval.postgres.terms import Words, clean, terms_and_date
from retrieval.store.protocol import Picture
from retrieval.store.vector_files import VectorFiles
from retrieval.store.vectors import Vectors

__all__ = ["Written", "encode", "write_version"]

_PICTURE = {
    "id": "int8",
    "model": "int4",
    "since": "int4",
    "image_id": "text",
    "sha256": "text",
    "path": "text",
    "width": "int4",
    "height": "int4",
    "captions": "text",  # JSON, as the metadata are
    "metadata": "text",
    "terms": "text[]",
    "date": "text",
    "words": "bytea",
    "nearness": "float4",
    "vector": "bytea",
    "caption_vector": "bytea",
}
_POSTING = {
    "stem": "text",
    "picture": "int8",
    "since": "int4",
    "frequency": "int4",
    "length": "int4",
}
_COUNT = {"kind": "text", "name": "text", "version": "int4", "change": "int8"}
# A build of the graph outside of memory takes many times as long.
_FOR_INDEXES = "SET LOCAL maintenance_work_mem = '1GB'"
# Two thirds of the time that pgvector's own 16 and 64 take, and the same pictures are found, for a
# search takes hundreds from the graph (`hnsw.ef_search`).
_GRAPH = "m = 12, ef_construction = 40"
_FOREVER = 2_147_483_647


@dataclass(frozen=True)
class Written:
    """What came of writing a version.

    Attributes:
        version: the new one; its own row is not written yet.
        content: a sha256 in hex of what it holds.
        added: rows that are new in it.
        ended: rows of the version before that are not part of it.
    """

    version: StoredVersion
    content: str
    added: int
    ended: int


@dataclass(frozen=True)
class _Row:
    """A picture as it is stored."""

    picture: Picture
    captions: str
    metadata: str

    @classmethod
    def of(cls, picture: Picture) -> "_Row":
        metadata = json.dumps(picture.metadata, sort_keys=True)
        return cls(picture, json.dumps(picture.captions), metadata)

    @property
    def digest(self) -> str:
        """Return what PostgreSQL's `_DIGEST` gives for the stored row."""
        text = "\n".join((self.picture.path, self.captions, self.metadata))
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@dataclass
class _Tally:
    """How a version's figures differ from those of the one before.

    Attributes:
        counts: what is added to each.
        captioned: pictures with a caption, in all.
        words: in all captions.
    """

    counts: Counts
    captioned: int
    words: int

    def take(self, picture: Picture, words: Words, times: int) -> None:
        """Count a picture that is new (1) or ended (-1)."""
        for key, count in counts_of(picture, words):
            self.counts[key] += times * count
        self.captioned += times * bool(picture.captions)
        self.words += times * words.length


_DIGEST = "md5(concat_ws(E'\\n', path, captions::text, metadata::text))"


def write_version(
    connection: Connection,
    pictures: Sequence[Picture],
    files: VectorFiles,
    *,
    fingerprint: str,
    nearness: Vectors,
    root: Root,
    attribution: str,
) -> Written:
    """Write the rows of the next version.

    Args:
        connection: within a transaction of `Database.transaction`.
        pictures: all of its pictures, in the order of their vectors.
        files: their vectors, and those of what their captions mean.
        fingerprint: of the model that made the vectors.
        nearness: (pictures,) how near they are to typical requests.
        root: the folder that their paths start from.
        attribution: who made them, as they want to be named.

    Raises:
        GalleryError: there are not as many pictures as vectors.
    """
    vectors = files.vectors_of(pictures)
    dimension = vectors.shape[1]
    model = _model(connection, fingerprint, dimension)
    before = connection.fetch(
        "SELECT number, captioned, words FROM versions ORDER BY number DESC LIMIT 1"
    )
    newest, captioned, words = before[0] if before else (0, 0, 0)
    ((number,),) = connection.fetch("SELECT nextval('version_numbers')::integer")
    rows = [_Row.of(picture) for picture in pictures]
    digests = [(model, row.picture.sha256, row.digest) for row in rows]
    old = {
        tuple(key): row
        for row, *key in connection.fetch(
            f"SELECT id, model, sha256, {_DIGEST} FROM pictures"  # noqa: S608 - fixed parts
            " WHERE since <= %s AND until > %s",
            (newest, newest),
        )
    }
    shared = old.keys() & set(digests)
    tally = _Tally(Counter(), captioned, words)
    ended = [row for key, row in old.items() if key not in shared]
    _end(connection, number, ended, tally)
    # Ended once, by a version that was removed since.
    _set_until(connection, _FOREVER, [old[key] for key in shared], "until < 2147483647")
    new = [row for row, digest in zip(rows, digests, strict=True) if digest not in shared]
    _add(connection, number, model, new, files, nearness, tally)
    connection.copy(
        "counts",
        _COUNT,
        ((kind, name, number, change) for (kind, name), change in tally.counts.items() if change),
    )
    _index(connection, model, dimension)
    content = hashlib.sha256(repr((fingerprint, sorted(digests))).encode()).hexdigest()
    version = StoredVersion(
        *(number, model, dimension, len(rows), tally.captioned, tally.words, root, attribution)
    )
    return Written(version, content, len(new), len(ended))


def _model(connection: Connection, fingerprint: str, dimension: int) -> int:
    """Return the row of a model, new if it is."""
    statement = "SELECT id FROM models WHERE fingerprint = %s"
    found = connection.fetch(statement, (fingerprint,)) or connection.fetch(
        "INSERT INTO models (fingerprint, dimension) VALUES (%s, %s) RETURNING id",
        (fingerprint, dimension),
    )
    return int(found[0][0])


def _set_until(
    connection: Connection, until: int, rows: Sequence[int], condition: str = "true"
) -> None:
    """Set before which version rows end, those of them for which a condition holds."""
    for table, column in (("pictures", "id"), ("postings", "picture")):
        connection.fetch(
            f"UPDATE {table} SET until = %s"  # noqa: S608 - fixed parts
            f" WHERE {column} = ANY(%s::bigint[]) AND {condition}",
            (until, list(rows)),
        )


def _end(connection: Connection, number: int, rows: Sequence[int], tally: _Tally) -> None:
    """End rows of the version before."""
    _set_until(connection, number, rows)
    for path, captions, metadata in connection.fetch(
        "SELECT path, captions, metadata FROM pictures WHERE id = ANY(%s::bigint[])", (list(rows),)
    ):
        picture = Picture(0, "", path, "", 0, 0, tuple(captions), metadata)
        tally.take(picture, Words(picture.captions), -1)


def _add(
    connection: Connection,
    number: int,
    model: int,
    new: Sequence[_Row],
    files: VectorFiles,
    nearness: Vectors,
    tally: _Tally,
) -> None:
    """Add rows, each under the next number that no row has."""
    ((first,),) = connection.fetch("SELECT coalesce(max(id) + 1, 0) FROM pictures")
    vectors, caption_vectors = files.vectors(), files.vectors("captions")
    place_of = {row: place for place, row in enumerate(files.caption_rows)}
    postings: list[tuple[str, int, int, int, int]] = []

    def values() -> Iterator[tuple[Any, ...]]:
        for row, one in enumerate(new, first):
            picture, place = one.picture, place_of.get(one.picture.row)
            said = Words(picture.captions)
            terms, date = terms_and_date(picture)
            yield (
                *(row, model, number, picture.image_id, picture.sha256, clean(picture.path)),
                *(picture.width, picture.height, one.captions, one.metadata, terms, date),
                *(said.vector(), float(nearness[picture.row]), encode(vectors[picture.row])),
                None if place is None else encode(caption_vectors[place]),
            )
            tally.take(picture, said, 1)
            postings.extend(
                (stem, row, number, frequency, said.length)
                for stem, frequency in said.frequencies.items()
            )

    connection.copy("pictures", _PICTURE, values())
    # In the order of the stems, so that those of one lie together.
    connection.copy("postings", _POSTING, sorted(postings))


def _index(connection: Connection, model: int, dimension: int) -> None:
    """Index the vectors of a model, where they are not yet; all at once is quickest."""
    connection.run(_FOR_INDEXES)
    for column in ("vector", "caption_vector"):
        connection.fetch(
            f"CREATE INDEX IF NOT EXISTS pictures_{column}_{model} ON pictures"
            f" USING hnsw (({column}::halfvec({dimension})) halfvec_ip_ops) WITH ({_GRAPH})"
            f" WHERE model = {model}"
        )
    connection.run("ANALYZE pictures; ANALYZE postings")


def encode(vector: Vectors) -> bytes:
    """Return a vector as a halfvec in PostgreSQL's binary form; see `rows.decode`."""
    return struct.pack(">hh", len(vector), 0) + vector.astype(">f2").tobytes()
