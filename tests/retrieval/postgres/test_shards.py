"""Many machines encode a share each, any of them killed; a version takes what they encoded."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from retrieval.bundle.sources import Candidate
from retrieval.errors import BundleError
from retrieval.postgres import shards
from retrieval.postgres.catalog import PostgresCatalog
from retrieval.postgres.database import Database
from retrieval.postgres.shards import Encoded, Shard
from retrieval.store.protocol import Store
from retrieval.store.vectors import Vectors
from tests.fixtures.postgres import new_gallery
from tests.retrieval.engines import NUMBERS
from tests.retrieval.stubs import StubEncoder

SIZE = 24
ENCODER = StubEncoder()


class Machine(StubEncoder):
    """Counts what it encodes, and is killed by one picture too many."""

    def __init__(self, most: int = SIZE) -> None:
        super().__init__()
        self.left = most

    def encode_images(self, images: Sequence[Image.Image]) -> Vectors:
        self.left -= len(images)
        if self.left < 0:
            raise KeyboardInterrupt
        return super().encode_images(images)

    @property
    def encoded(self) -> int:
        return SIZE - self.left


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_AT_ONCE", 4)


@pytest.fixture
def catalog(store_url: str, tmp_path: Path) -> Iterator[PostgresCatalog]:
    catalog = PostgresCatalog(store_url, tmp_path / "models")
    yield catalog
    catalog.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(SIZE):
        Image.new("RGB", (20 + n, 20), "red").save(folder / f"{n}.png")
    (folder / "bad.png").write_bytes(b"no picture")
    return folder


def candidates(folder: Path, changed: str = "") -> list[Candidate]:
    """Return all pictures, some without captions; another caption for one where it is named."""
    told = [(f"a thing{n}",) if n % 3 else () for n in range(SIZE)]
    if changed:
        told[1] = (changed,)
    paths = [folder / f"{n}.png" for n in range(SIZE)]
    given = [Candidate(path, text) for path, text in zip(paths, told, strict=True)]
    return [*given, Candidate(folder / "bad.png")]


def build(catalog: PostgresCatalog, folder: Path, machine: Machine, changed: str = "") -> str:
    model = folder.parent / "model"
    model.mkdir(exist_ok=True)
    given = candidates(folder, changed)
    return catalog.build(given, root=folder, model_dir=model, encoder=machine).version


def share(
    catalog: PostgresCatalog, folder: Path, number: int, machine: Machine, changed: str = ""
) -> list[int]:
    """Encode one of three shares; its pictures, how many were encoded before, and skipped."""
    shard, given = Shard(number, 3), candidates(folder, changed)
    done = catalog.encode_shard(given, shard, root=folder, encoder=machine)
    return [done.count, done.reused, len(done.skipped)]


def told(store: Store) -> dict[str, tuple[tuple[str, ...], Vectors]]:
    """Return of each picture what is said of it, and its vectors."""
    pictures = store.pictures(store.first(SIZE + 1))
    found = {}
    for one in pictures:
        spaces = ("pictures", "captions") if one.captions else ("pictures",)
        vectors = [store.vectors([one.row], space)[0] for space in spaces]
        found[one.image_id] = (one.captions, np.array(vectors))
    return found


def same(one: Store, other: Store) -> None:
    pictures, others = told(one), told(other)
    assert len(pictures) == SIZE
    for image_id, (captions, vectors) in others.items():
        assert pictures[image_id][0] == captions
        np.testing.assert_allclose(pictures[image_id][1], vectors, atol=NUMBERS)


def test_a_version_takes_what_shards_encoded_and_is_what_one_machine_would_write(
    catalog: PostgresCatalog, folder: Path, store_url: str, postgres: object, tmp_path: Path
) -> None:
    done = [share(catalog, folder, number, Machine()) for number in (1, 2, 3)]
    assert [sum(column) for column in zip(*done, strict=True)] == [SIZE, 0, 1]
    assert all(count > 0 for count, *_ in done)
    # No version comes of it by itself.
    assert catalog.versions() == []
    machine = Machine()
    version = build(catalog, folder, machine, changed="an otter")
    assert machine.encoded == 0
    fresh = PostgresCatalog(new_gallery(postgres), tmp_path / "models")
    alone = build(fresh, folder, Machine(), changed="an otter")
    with catalog.open(version) as bundle, fresh.open(alone) as other:
        same(bundle.store, other.store)
    fresh.close()
    # A version has it by now: it is kept once.
    database = Database(store_url)
    assert database.fetch("SELECT count(*) FROM encoded") == [(0,)]
    database.close()


def test_a_killed_shard_goes_on_and_what_none_encoded_the_version_encodes(
    catalog: PostgresCatalog, folder: Path
) -> None:
    (count, *_) = share(catalog, folder, 1, Machine())
    killed = Machine(most=5)
    with pytest.raises(KeyboardInterrupt):
        share(catalog, folder, 2, killed)
    again = Machine()
    (other, reused, _) = share(catalog, folder, 2, again)
    assert reused >= 3
    assert again.encoded == other - reused
    machine = Machine()
    build(catalog, folder, machine)
    assert machine.encoded == SIZE - count - other


def test_new_captions_are_encoded_by_a_shard_though_a_version_has_the_picture(
    catalog: PostgresCatalog, folder: Path, postgres: object, tmp_path: Path
) -> None:
    build(catalog, folder, Machine())
    for number in (1, 2, 3):
        machine = Machine()
        share(catalog, folder, number, machine, "an otter")
        assert machine.encoded == 0
    builder = Machine()
    version = build(catalog, folder, builder, "an otter")
    assert ["an otter"] not in builder.calls
    fresh = PostgresCatalog(new_gallery(postgres), tmp_path / "models")
    alone = build(fresh, folder, Machine(), "an otter")
    with catalog.open(version) as bundle, fresh.open(alone) as other:
        same(bundle.store, other.store)
    fresh.close()


def test_a_build_that_another_overtakes_says_so(
    catalog: PostgresCatalog, folder: Path, store_url: str
) -> None:
    for number in (1, 2, 3):
        share(catalog, folder, number, Machine())
    database = Database(store_url)
    known = Encoded(database, ENCODER, None)
    hashes = [hashlib.sha256(one.path.read_bytes()).hexdigest() for one in candidates(folder)]
    rows = [one.row for one in known.lookup(hashes)[0] if one.captions]
    assert len(known.caption_vectors(rows)) == len(rows)
    build(catalog, folder, Machine())
    with pytest.raises(BundleError, match="meanwhile; run it again"):
        known.caption_vectors(rows)
    database.close()
