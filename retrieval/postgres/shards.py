"""Encoding by many machines: each encodes its share of the pictures, and a version takes them all.

A share is dealt by the pictures' paths, so that a machine reads no file but its own. What it has
encoded is kept after every few pictures: killed and started again, it goes on from there. Nobody
waits for anybody: the build of the next version takes what is there and encodes what is missing.
"""

import functools
import json
import os
import tempfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedding.data.pairs import Skipped
from embedding.data.remote import RemoteFolder, Root
from embedding.model.encoder import Encoder
from embedding.progress import Progress, silent
from retrieval.bundle.build import collect
from retrieval.bundle.collector import Collector, EncodePictures
from retrieval.bundle.previous import Known
from retrieval.bundle.sources import Candidate
from retrieval.errors import BundleError
from retrieval.postgres.database import Connection, Reader
from retrieval.postgres.rows import decode, picture_of
from retrieval.store.protocol import Picture
from retrieval.store.vector_files import VectorFiles
from retrieval.store.vectors import Vectors

__all__ = ["Encoded", "Shard", "ShardReport", "encode_shard", "forget_encoded"]

_AT_ONCE = 256
"""Pictures that are kept at once: what a killed machine does again."""

_KEEP = """
INSERT INTO encoded (model, sha256, width, height, captions, vector, caption_vector)
SELECT %s, sha256, width, height, captions::json, vector::halfvec, caption_vector::halfvec
FROM unnest(%s::text[], %s::integer[], %s::integer[], %s::text[], %s::text[], %s::text[])
    AS one (sha256, width, height, captions, vector, caption_vector)
ON CONFLICT (model, sha256) DO UPDATE
SET captions = excluded.captions, caption_vector = excluded.caption_vector
"""


@dataclass(frozen=True)
class Shard:
    """Which share of the pictures is meant.

    Attributes:
        number: of the share, from 1.
        of: how many there are.
    """

    number: int
    of: int

    def has(self, path: str) -> bool:
        """Tell whether a picture belongs to it, by its path below the gallery's root."""
        return zlib.crc32(os.fsencode(path)) % self.of == self.number - 1


@dataclass(frozen=True)
class ShardReport:
    """What came of a share.

    Attributes:
        count: its pictures.
        reused: those of them that were encoded before, by whomever.
        skipped: candidates that could not be used, and why.
    """

    count: int
    reused: int
    skipped: list[Skipped]


class Encoded:
    """What an earlier version has, and what shards have encoded since; see `Known`.

    Args:
        reader: of the database.
        encoder: of the model.
        before: the earlier version; None where there is none.
    """

    knows_texts = True

    def __init__(self, reader: Reader, encoder: Encoder, before: Known | None) -> None:
        self._reader = reader
        self._encoder = encoder
        self._before = before

    def lookup(self, hashes: Sequence[str]) -> tuple[list[Picture], Vectors]:
        """Return the pictures of those contents that are known, and their vectors."""
        # What shards encoded comes first: where captions have changed it is the later.
        read = self._reader.fetch(
            # Below 0, as no row of a version is.
            "SELECT -id, left(sha256, 16), '', sha256, width, height, captions, '{}'::json, vector"
            " FROM encoded WHERE model = %s AND sha256 = ANY(%s)",
            (self._encoder.fingerprint, list(hashes)),
        )
        found = [picture_of(row[:-1]) for row in read]
        vectors = self._decode([vector for *_, vector in read])
        missing = {*hashes} - {one.sha256 for one in found}
        if self._before and missing:
            pictures, more = self._before.lookup([*missing])
            found, vectors = [*found, *pictures], np.concatenate([vectors, more])
        # As they were asked for: so the rows of a version do not depend on who encoded what.
        place_of = {sha256: place for place, sha256 in enumerate(hashes)}
        order = sorted(range(len(found)), key=lambda i: place_of[found[i].sha256])
        return [found[i] for i in order], vectors[order]

    def caption_vectors(self, rows: Sequence[int]) -> Vectors:
        """Return the vectors (n, dimension) of what the captions of rows mean, in their order.

        Raises:
            BundleError: another build has taken over what shards encoded since it was looked up.
        """
        own_rows = [row for row in rows if row < 0]
        found: dict[int, bytes] = dict(
            self._reader.fetch(
                "SELECT -id, caption_vector FROM encoded WHERE id = ANY(%s)",
                ([-row for row in own_rows],),
            )
        )
        if not found.keys() >= {*own_rows}:
            raise BundleError(
                "another `showtell index` has published what shards encoded meanwhile; run it again"
            )
        vectors = np.empty((len(rows), self._encoder.dimension), np.float32)
        own = np.array([row < 0 for row in rows], np.bool_)
        vectors[own] = self._decode([found[row] for row in own_rows])
        if self._before:
            vectors[~own] = self._before.caption_vectors([row for row in rows if row >= 0])
        return vectors

    def _decode(self, blobs: Sequence[bytes]) -> Vectors:
        return decode(blobs, self._encoder.dimension)


def encode_shard(
    images: Iterable[Candidate],
    shard: Shard,
    reader: Reader,
    known: Encoded,
    *,
    root: Root,
    encoder: Encoder,
    encode_pictures: EncodePictures | None,
    progress: Progress,
) -> ShardReport:
    """Encode a share of the pictures and keep what was encoded.

    Args:
        images: all candidates, of which only those of the share are read.
        shard: which share.
        reader: of the database.
        known: what need not be encoded.
        root: the folder that holds all the files, resolved.
        encoder: encodes what captions mean, and the pictures.
        encode_pictures: encodes pictures in its place.
        progress: told how many candidates of the share are done.
    """
    own = [one for one in images if shard.has(_below(one, root))]
    count, reused = 0, 0
    skipped: list[Skipped] = []
    for start in range(0, len(own), _AT_ONCE):
        with (
            tempfile.TemporaryDirectory() as folder,
            VectorFiles(Path(folder) / "vectors", encoder.dimension) as files,
        ):
            work = collect(
                own[start : start + _AT_ONCE],
                files,
                root=root,
                encoder=encoder,
                encode_pictures=encode_pictures,
                previous=known,
                progress=silent,
            )
            _keep(reader, encoder.fingerprint, work, files)
        progress(min(start + _AT_ONCE, len(own)), len(own), "indexing pictures")
        count += len(work.entries)
        reused += work.reused
        skipped += work.skipped
    return ShardReport(count, reused, skipped)


def _below(candidate: Candidate, root: Root) -> str:
    if isinstance(root, RemoteFolder):
        return candidate.path.as_posix()
    return os.path.relpath(root / candidate.path, root)


def _keep(reader: Reader, fingerprint: str, work: Collector, files: VectorFiles) -> None:
    """Keep what is not known as it is; once more does no harm."""
    vectors, caption_vectors = files.vectors(), files.vectors("captions")
    place_of = {row: place for place, row in enumerate(files.caption_rows)}
    new = [
        (
            *(one.sha256, one.width, one.height, json.dumps(one.captions), _text_of(vectors[row])),
            _text_of(caption_vectors[place_of[row]]) if row in place_of else None,
        )
        for row, one in enumerate(work.entries.values())
        if one.old is None or not one.is_as_before
    ]
    if new:
        reader.fetch(_KEEP, (fingerprint, *map(list, zip(*new, strict=True))))


def forget_encoded(connection: Connection, fingerprint: str) -> None:
    """Remove what a version has by now, within a transaction."""
    connection.fetch(
        "DELETE FROM encoded WHERE model = %s AND sha256 IN (SELECT sha256 FROM pictures)",
        (fingerprint,),
    )


@functools.cache
def _halves() -> list[str]:
    """Return each number of 16 bits as it is written: there are only so many."""
    return [str(value) for value in np.arange(65_536, dtype=np.uint16).view(np.float16)]


def _text_of(vector: Vectors) -> str:
    """Return a vector as PostgreSQL reads it; a parameter cannot have a halfvec's binary form."""
    places = vector.astype(np.float16).view(np.uint16).tolist()
    return f"[{','.join(map(_halves().__getitem__, places))}]"
