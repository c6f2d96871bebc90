"""The versions of a gallery in PostgreSQL; see `retrieval.bundle.catalog.Catalog`.

A version is rows that say of which versions they are part (migrations/), its manifest, and the
fingerprint of its model, which is a directory (models.py).
"""

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from embedding.data.remote import Root, folder_at, resolved
from embedding.model.encoder import Encoder
from embedding.onnx.encoder import load_encoder
from embedding.progress import Progress, silent
from retrieval.bundle.build import BuildReport, check_folders, collect, manifest_of
from retrieval.bundle.bundle import Bundle
from retrieval.bundle.calibration import measure
from retrieval.bundle.collector import Collector, EncodePictures
from retrieval.bundle.manifest import Manifest
from retrieval.bundle.overview import VersionInfo, told_recall
from retrieval.bundle.previous import Previous
from retrieval.bundle.sources import Candidate
from retrieval.errors import (
    BundleError,
    BundleLive,
    BundleRefused,
    NoBundle,
    RetrievalError,
    StoreUnavailable,
)
from retrieval.postgres.database import Connection, Database
from retrieval.postgres.models import Model, Models
from retrieval.postgres.removal import remove_rows
from retrieval.postgres.rows import StoredVersion
from retrieval.postgres.shards import Encoded, Shard, ShardReport, encode_shard, forget_encoded
from retrieval.postgres.store import PostgresStore
from retrieval.postgres.writer import write_version
from retrieval.search.query_bank import TypicalRequests, measure_nearness
from retrieval.store.vector_files import VectorFiles

__all__ = ["PostgresCatalog"]

_VERSION = """
SELECT version, manifest, number, model, captioned, words, root FROM versions
"""


class PostgresCatalog:
    """The versions of the gallery in one database, or one schema of it.

    Args:
        url: postgresql://user:password@host:port/name, as libpq takes it; `options` can name a
            schema, and several hosts are tried in their order.
        models: where the models lie.
    """

    poll_s = 1.0

    def __init__(self, url: str, models: Path) -> None:
        self._database = Database(url)
        self._models = Models(models)

    @property
    def name(self) -> str:
        """The address, without user and password."""
        return self._database.name

    def versions(self) -> list[str]:
        """Return all versions, oldest first."""
        try:
            rows = self._database.fetch("SELECT version FROM versions ORDER BY number")
        except NoBundle:
            return []
        return [version for (version,) in rows]

    def current(self) -> str:
        """Return the live version."""
        rows = self._database.fetch("SELECT version FROM live")
        if not rows:
            raise NoBundle(f"nothing is published in {self.name}; run `showtell index` first")
        return str(rows[0][0])

    def is_named(self) -> bool:
        """Return False: what is named is there."""
        return False

    def previous(self, version: str) -> str:
        """Return the newest version that is older than `version`."""
        known = self.versions()
        place = known.index(version) if version in known else 0
        if place == 0:
            raise NoBundle(f"there is no version older than {version[:64]!r} in {self.name}")
        return known[place - 1]

    def publish(self, version: str) -> None:
        """Make a version the live one, in one statement."""
        found = self._database.fetch(
            "INSERT INTO live (version) SELECT version FROM versions WHERE version = %s"
            " ON CONFLICT (one) DO UPDATE SET version = excluded.version RETURNING version",
            (version,),
        )
        if not found:
            raise self._unknown(version)

    def remove(self, version: str) -> None:
        """Remove a version that is not the live one, and the rows that are in no other."""
        with self._database.transaction() as connection:
            if connection.fetch("SELECT 1 FROM live WHERE version = %s", (version,)):
                raise BundleLive(
                    f"version {version} is live; publish another one first (`showtell index`, or "
                    "`showtell reload`)"
                )
            statement = "DELETE FROM versions WHERE version = %s RETURNING number"
            if not connection.fetch(statement, (version,)):
                raise self._unknown(version)
            remove_rows(connection)

    def keep_newest(self, count: int) -> list[str]:
        """Remove all versions but the `count` newest and the live one."""
        if count < 1:
            raise BundleError(f"{count} versions are to be kept; keep at least 1")
        older = self.versions()[:-count]
        live = self.current() if older else ""
        removed = [version for version in older if version != live]
        for version in removed:
            self.remove(version)
        return removed

    def describe(self) -> list[VersionInfo]:
        """Return what there is to know of each version; its size is its share of the tables."""
        known = self.versions()
        if not known:
            return []
        rows = self._database.fetch(_VERSION + "ORDER BY number")
        live = {version for (version,) in self._database.fetch("SELECT version FROM live")}
        ((size, count),) = self._database.fetch(
            "SELECT pg_total_relation_size('pictures') + pg_total_relation_size('postings'),"
            " greatest(count(*), 1) FROM pictures"
        )
        manifests = [Manifest.model_validate(manifest) for _, manifest, *_ in rows]
        return [
            VersionInfo(
                one.version,
                one.version in live,
                size * one.count // count,
                one.created,
                one.count,
                one.model_name,
                one.confidence.accuracy,
                told_recall(self._models.directory_of(one.model_fingerprint)),
            )
            for one in manifests
        ]

    def open(self, version: str | None = None, *, root: Root | None = None) -> Bundle:
        """Open a version, if its model is here."""
        version = version or self.current()
        rows = self._database.fetch(_VERSION + "WHERE version = %s", (version,))
        if not rows:
            raise self._unknown(version)
        _, document, number, model_row, captioned, words, kept_root = rows[0]
        manifest = Manifest.model_validate(document)
        try:
            model = self._models.load(manifest.model_fingerprint, manifest.model_name)
            stored = StoredVersion(
                *(number, model_row, manifest.dimension, manifest.count, captioned, words),
                *(folder_at(kept_root), manifest.attribution),
            )
            store = PostgresStore(self._database, stored, root)
            requests = _requests(model, store)
            return Bundle(model.directory, manifest, model.encoder, store, model.scenes, requests)
        except StoreUnavailable:
            raise
        except Exception as error:
            # Whatever is wrong with a model, and whichever library finds it.
            raise BundleRefused(version, str(error) or type(error).__name__) from error

    def check(self, version: str) -> None:
        """Do nothing: the database looks after its own pages."""

    def build(
        self,
        images: Iterable[Candidate],
        *,
        root: Root,
        model_dir: Path,
        encoder: Encoder | None = None,
        encode_pictures: EncodePictures | None = None,
        previous: Previous | None = None,
        attribution: str = "",
        progress: Progress = silent,
    ) -> BuildReport:
        """Write the next version: what is as in the one before is shared with it."""
        root = check_folders(root, model_dir)
        self._database.migrate()
        encoder = encoder or load_encoder(model_dir)
        model = self._models.keep(model_dir, encoder)
        with (
            tempfile.TemporaryDirectory() as folder,
            VectorFiles(Path(folder) / "vectors", encoder.dimension) as files,
        ):
            work = collect(
                images,
                files,
                root=root,
                encoder=encoder,
                encode_pictures=encode_pictures,
                previous=previous or self._known(encoder),
                progress=progress,
            )
            work.refuse_nothing()
            version = self._write(work, files, model, root, attribution)
        self._database.tidy()
        return BuildReport(version, len(work.entries), work.skipped, work.reused, work.folded)

    def encode_shard(
        self,
        images: Iterable[Candidate],
        shard: Shard,
        *,
        root: Root,
        encoder: Encoder,
        encode_pictures: EncodePictures | None = None,
        progress: Progress = silent,
    ) -> ShardReport:
        """Encode a share of the pictures, for the next version to take it; see shards.py."""
        self._database.migrate()
        return encode_shard(
            images,
            shard,
            self._database,
            self._known(encoder),
            root=resolved(root),
            encoder=encoder,
            encode_pictures=encode_pictures,
            progress=progress,
        )

    def problem(self) -> str | None:
        """Return why nothing can be searched now; None where it can."""
        try:
            self._database.fetch("SELECT 1")
        except RetrievalError:
            return "the database of the gallery does not answer"
        return None

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def _write(
        self, work: Collector, files: VectorFiles, model: Model, root: Root, attribution: str
    ) -> str:
        """Write rows and manifest in one transaction; return the version."""
        pictures = [entry.picture(row) for row, entry in enumerate(work.entries.values())]
        captions = [picture.captions for picture in pictures]
        nearness = np.zeros(len(pictures), np.float32)
        if model.requests is not None:
            nearness = measure_nearness(model.requests, files.vectors(), captions)
        encoder = model.encoder
        with self._database.transaction() as connection:
            written = write_version(
                connection,
                pictures,
                files,
                fingerprint=encoder.fingerprint,
                nearness=nearness,
                root=root,
                attribution=attribution,
            )
            stored = written.version
            store = PostgresStore(connection, stored)
            requests = _requests(model, store)
            measures = measure(store, encoder, requests, model.scenes, captions)
            version = f"{stored.number:04d}-{written.content[:8]}"
            manifest = manifest_of(version, work, encoder, measures, attribution, {})
            _insert(connection, stored, manifest)
            forget_encoded(connection, encoder.fingerprint)
        return manifest.version

    def _known(self, encoder: Encoder) -> Encoded:
        return Encoded(self._database, encoder, self._previous(encoder.fingerprint))

    def _previous(self, fingerprint: str) -> Previous | None:
        """Return the newest version that was written with the model of this fingerprint."""
        for _, document, number, model, captioned, words, root in self._database.fetch(
            _VERSION + "WHERE manifest ->> 'model_fingerprint' = %s ORDER BY number DESC LIMIT 1",
            (fingerprint,),
        ):
            manifest = Manifest.model_validate(document)
            stored = StoredVersion(
                *(number, model, manifest.dimension, manifest.count, captioned, words),
                *(folder_at(root), manifest.attribution),
            )
            return Previous(PostgresStore(self._database, stored))
        return None

    def _unknown(self, version: str) -> NoBundle:
        known = self.versions()
        return NoBundle(
            f"there is no version {version[:64]!r} in {self.name}; "
            f"there are: {', '.join(known[-10:]) or 'none'}"
        )


def _requests(model: Model, store: PostgresStore) -> TypicalRequests | None:
    return TypicalRequests(model.requests, store.nearness) if model.requests is not None else None


def _insert(connection: Connection, stored: StoredVersion, manifest: Manifest) -> None:
    connection.fetch(
        "INSERT INTO versions (number, version, model, manifest, root, captioned, words)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            stored.number,
            manifest.version,
            stored.model,
            json.dumps(manifest.model_dump(mode="json")),
            str(stored.root),
            stored.captioned,
            stored.words,
        ),
    )
