"""What a search and a build touch does not grow with the gallery, but for a byte or so a picture.

Times are in benchmarks/scaling.py; what is counted here is what made them grow: rows that leave
the store, Python calls, and memory that is taken for the while.
"""

import hashlib
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from embedding.data.decode import Decoded
from retrieval.bundle.build import build_bundle
from retrieval.bundle.sources import Candidate, Source
from retrieval.search.query import Query
from retrieval.search.scenes import Scenes
from retrieval.search.searcher import Searcher
from retrieval.store.embedded import EmbeddedStore
from retrieval.store.vectors import Vectors
from tests.retrieval.stubs import DIMENSION, StubEncoder, picture, unit, write_store

SMALL, LARGE = 7_000, 28_000
WORDS = [f"word{chr(97 + i)}" for i in range(26)]


def write_gallery(directory: Path, size: int) -> EmbeddedStore:
    """Return a gallery in which every filter of `QUERY` leaves most pictures."""
    rng = np.random.default_rng(0)
    vectors, told = (unit(rng.normal(size=(size, DIMENSION))) for _ in range(2))
    pictures = [
        picture(
            row,
            [f"{WORDS[row % 26]} {WORDS[row % 25]} thing", f"some {WORDS[row % 24]}"],
            date=f"20{row % 20:02}-0{1 + row % 9}",
            tags=f"all,tag{row % 5}",
            **{f"key{i}": "yes" for i in range(8) if (row + i) % 23},
        )
        for row in range(size)
    ]
    return write_store(directory, vectors, pictures, told)


QUERY = Query(
    texts=("worda and wordb", "thing"),
    excluded=("wordc", "wordd wordd thing", "people"),
    filters=(
        ("tag", "all"),
        ("date", "2001..2018"),
        *((f"key{i}", "yes") for i in range(8)),
    ),
)


class CountingStore:
    """A store that counts what it is asked for and what it answers, by method."""

    def __init__(self, store: EmbeddedStore) -> None:
        self._store = store
        self.rows: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._store)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def counted(*arguments: Any, **options: Any) -> Any:
            answer = found(*arguments, **options)
            for value in (*arguments, answer):
                if not isinstance(value, str) and hasattr(value, "__len__"):
                    self.rows[name] += len(value)
            return answer

        return counted


@pytest.fixture(scope="module")
def galleries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[EmbeddedStore]]:
    folder = tmp_path_factory.mktemp("scaling")
    stores = [write_gallery(folder / str(size), size) for size in (SMALL, LARGE)]
    yield stores
    for store in stores:
        store.close()


def turn(store: Any) -> Callable[[], None]:
    """Return a turn: a search with 200 pictures that must not come, and its question."""
    store_of_turn = getattr(store, "_store", store)
    store_of_turn._mask.cache_clear()  # no scope is known from before
    scenes = Scenes.measure(lambda label: StubEncoder().encode_text([label])[0])
    searcher = Searcher(store, StubEncoder(), scenes=scenes)
    shown = [one.image_id for one in store.pictures(range(0, 2_000, 10))]

    def search() -> None:
        result = searcher.search(QUERY, shown=shown)
        assert len(result.hits) == 6
        searcher.groups(QUERY, result)

    return search


def test_as_many_rows_leave_the_store_however_many_there_are(
    galleries: list[EmbeddedStore],
) -> None:
    counts = []
    for gallery in galleries:
        store = CountingStore(gallery)
        search = turn(store)
        store.rows.clear()
        search()
        counts.append(store.rows)
    small, large = counts
    assert small.keys() == large.keys()
    for name in small:
        assert large[name] <= small[name] * 1.2 + 20, name
    assert sum(large.values()) < 15_000


def calls_in(work: Callable[[], object]) -> int:
    """Return how many functions, Python's and C's, are called."""
    count = 0

    def seen(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_a_search_makes_as_many_calls_in_a_large_gallery(galleries: list[EmbeddedStore]) -> None:
    small, large = (calls_in(turn(gallery)) for gallery in galleries)
    assert large < 1.1 * small


def peak_of(work: Callable[[], object]) -> int:
    """Return the bytes that are taken at most while something works."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_a_search_takes_a_few_bytes_a_picture_for_the_while(
    galleries: list[EmbeddedStore],
) -> None:
    """A list of all rows takes 36, their ids checked against each other 24, their vectors 128."""
    small, large = (peak_of(turn(gallery)) for gallery in galleries)
    assert (large - small) / (LARGE - SMALL) < 16


def test_a_build_keeps_no_count_of_everything_at_every_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice the pictures are twice the work: what a batch takes does not grow with the others."""
    peaks: list[int] = []

    def read(candidate: Candidate, _root: Path) -> Source:
        name = str(candidate.path)
        return Source(name, hashlib.sha256(name.encode()).hexdigest(), b"")

    def encode(hashes: Sequence[str], pictures: Sequence[Image.Image]) -> Vectors:
        return unit(np.random.default_rng(int(hashes[0][:8], 16)).normal(size=(len(hashes), 32)))

    def progress(done: int, total: int, what: str) -> None:
        if what == "indexing pictures":
            kept, peak = tracemalloc.get_traced_memory()
            peaks.append(peak - kept)
            tracemalloc.reset_peak()

    monkeypatch.setattr("retrieval.bundle.collector.read_source", read)
    pixel = Image.new("RGB", (1, 1))
    monkeypatch.setattr(Source, "decode", lambda _source: Decoded(pixel, (1, 1)))
    (tmp_path / "model").mkdir()
    candidates = [Candidate(Path(f"{row}.png"), (f"picture {row}",)) for row in range(3_200)]
    tracemalloc.start()
    try:
        report = build_bundle(
            candidates,
            root=tmp_path,
            model_dir=tmp_path / "model",
            bundles=tmp_path / "bundles",
            encoder=StubEncoder(),
            encode_pictures=encode,
            progress=progress,
        )
    finally:
        tracemalloc.stop()
    assert report.count == 3_200
    early, late = np.median(peaks[10:30]), np.median(peaks[75:])
    assert late < early + 20_000  # a set of the hashes of all would take 250,000
