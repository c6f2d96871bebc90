"""Versions in PostgreSQL: built, published, rolled back, removed, opened with their model."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from retrieval.bundle.sources import Candidate
from retrieval.errors import BundleError, BundleRefused, NoBundle, StoreReadOnly, StoreUnavailable
from retrieval.postgres.catalog import PostgresCatalog
from retrieval.postgres.database import Database
from retrieval.search.query import Query
from tests.fixtures.postgres import kill_postgres, new_gallery, start_postgres
from tests.retrieval.stubs import StubEncoder

ENCODER = StubEncoder()
COLORS = ("red", "blue", "green", "white", "black", "yellow")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for place, color in enumerate(COLORS):
        Image.new("RGB", (20 + place, 20), color).save(folder / f"{color}.png")
    return folder


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_text("none")
    return tmp_path / "model"


@pytest.fixture
def catalog(store_url: str, tmp_path: Path) -> Iterator[PostgresCatalog]:
    catalog = PostgresCatalog(store_url, tmp_path / "models")
    yield catalog
    catalog.close()


def build(catalog: PostgresCatalog, folder: Path, model_dir: Path, *colors: str) -> str:
    candidates = [
        Candidate(folder / f"{color}.png", (f"a {color} square",), {"color": color})
        for color in colors or COLORS
    ]
    report = catalog.build(candidates, root=folder, model_dir=model_dir, encoder=ENCODER)
    return report.version


def colors(catalog: PostgresCatalog, version: str | None = None) -> set[str]:
    with catalog.open(version) as bundle:
        return {one.metadata["color"] for one in bundle.store.pictures(bundle.store.first(9))}


def test_a_replica_is_read_and_is_never_published_at(
    catalog: PostgresCatalog, store_url: str, tmp_path: Path, pictures: Path, model_dir: Path
) -> None:
    first, second = (build(catalog, pictures, model_dir, *COLORS[:n]) for n in (3, 4))
    catalog.publish(second)
    url = f"{store_url}%20-cdefault_transaction_read_only%3Don"
    replica = PostgresCatalog(url, tmp_path / "models")
    assert replica.current() == second
    assert replica.versions() == [first, second]
    with pytest.raises(StoreReadOnly, match="publish by the address of its primary"):
        replica.publish(first)
    assert catalog.current() == second
    replica.close()


def test_versions_are_published_rolled_back_and_removed(
    catalog: PostgresCatalog, pictures: Path, model_dir: Path
) -> None:
    assert catalog.versions() == catalog.describe() == []
    with pytest.raises(NoBundle, match=r"no gallery in .*showtell index"):
        catalog.current()
    first = build(catalog, pictures, model_dir, *COLORS[:3])
    with pytest.raises(NoBundle, match="nothing is published"):
        catalog.open()
    catalog.publish(first)
    second = build(catalog, pictures, model_dir, *COLORS[1:5])
    assert colors(catalog) == set(COLORS[:3])
    catalog.publish(second)
    assert colors(catalog) == set(COLORS[1:5])
    assert catalog.versions() == [first, second]
    assert catalog.previous(second) == first
    with pytest.raises(NoBundle, match="older than"):
        catalog.previous(first)
    assert [(one.version, one.live, one.count) for one in catalog.describe()] == [
        (first, False, 3),
        (second, True, 4),
    ]
    catalog.publish(first)
    with pytest.raises(BundleError, match="is live; publish another"):
        catalog.remove(first)
    catalog.remove(second)
    assert colors(catalog) == set(COLORS[:3])
    third = build(catalog, pictures, model_dir, *COLORS[:2], COLORS[5])
    assert colors(catalog, third) == {*COLORS[:2], COLORS[5]}
    with catalog.open(third) as bundle:
        assert bundle.store.vocabulary() == {
            "a": 3,
            "square": 3,
            **dict.fromkeys([*COLORS[:2], COLORS[5]], 1),
        }
        hits = bundle.searcher.search(Query(texts=("yellow",)), 1).hits
        assert hits[0].caption == "a yellow square"
        assert bundle.store.file(hits[0].image_id) == pictures / "yellow.png"
    with pytest.raises(NoBundle, match=f"no version 'x'.*{first}, {third}"):
        catalog.publish("x")


def test_the_newest_and_the_live_one_are_kept(
    catalog: PostgresCatalog, store_url: str, pictures: Path, model_dir: Path
) -> None:
    versions = [build(catalog, pictures, model_dir, *COLORS[: 2 + n]) for n in range(4)]
    catalog.publish(versions[1])
    assert catalog.keep_newest(1) == [versions[0], versions[2]]
    assert catalog.versions() == [versions[1], versions[3]]
    assert colors(catalog, versions[1]) == set(COLORS[:3])
    assert colors(catalog, versions[3]) == set(COLORS[:5])
    catalog.publish(versions[3])
    catalog.remove(versions[1])
    with catalog.open() as bundle:
        assert bundle.store.vocabulary()["square"] == 5
    with pytest.raises(BundleError, match="keep at least 1"):
        catalog.keep_newest(0)


def test_a_changed_caption_is_a_new_row_and_its_vector_is_taken_over(
    catalog: PostgresCatalog, pictures: Path, model_dir: Path
) -> None:
    build(catalog, pictures, model_dir)
    candidates = [Candidate(pictures / f"{color}.png", ("something",)) for color in COLORS]
    report = catalog.build(candidates, root=pictures, model_dir=model_dir, encoder=ENCODER)
    assert report.reused == len(COLORS)
    with catalog.open(report.version) as bundle:
        assert bundle.store.vocabulary() == {"something": 6}


def test_several_indexers_take_turns(
    catalog: PostgresCatalog, store_url: str, tmp_path: Path, pictures: Path, model_dir: Path
) -> None:
    build(catalog, pictures, model_dir)
    built: list[str] = []

    def work(names: tuple[str, ...]) -> None:
        other = PostgresCatalog(store_url, tmp_path / "models")
        built.append(build(other, pictures, model_dir, *names))
        other.close()

    threads = [threading.Thread(target=work, args=(COLORS[n:],)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(built)) == 3
    assert sorted(len(colors(catalog, version)) for version in built) == [4, 5, 6]


def test_a_version_whose_model_is_not_here_is_refused(
    catalog: PostgresCatalog, store_url: str, tmp_path: Path, pictures: Path, model_dir: Path
) -> None:
    catalog.publish(build(catalog, pictures, model_dir))
    elsewhere = PostgresCatalog(store_url, tmp_path / "no-models")
    with pytest.raises(BundleRefused, match=r"model 'stub'.*is not on this .*SHOWTELL_MODELS"):
        elsewhere.open()
    elsewhere.close()


def test_a_failure_names_the_server_and_no_password(tmp_path: Path) -> None:
    url = "postgresql://ann:secret@127.0.0.1:1/gallery?connect_timeout=1"
    catalog = PostgresCatalog(url, tmp_path)
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1/gallery does not answer") as caught:
        catalog.current()
    assert "secret" not in str(caught.value)
    assert catalog.problem() == "the database of the gallery does not answer"
    catalog.close()


def test_a_killed_server_is_found_again_and_nothing_is_half_there(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, pictures: Path, model_dir: Path
) -> None:
    folder = tmp_path_factory.mktemp("killed")
    server = start_postgres(folder)
    url = new_gallery(server)
    catalog = PostgresCatalog(url, tmp_path / "models")
    catalog.publish(build(catalog, pictures, model_dir))
    with catalog.open() as bundle:
        query = Query(texts=("a red square",))
        before = bundle.searcher.search(query, 2).hits
        other = Database(url)
        with pytest.raises(StoreUnavailable), other.transaction() as connection:  # noqa: PT012
            connection.fetch("DELETE FROM pictures")
            kill_postgres(server)
            connection.fetch("DELETE FROM postings")
        other.close()
        with pytest.raises(StoreUnavailable):
            bundle.searcher.search(Query(texts=("a blue circle",)), 2)
        assert "does not answer" in str(catalog.problem())
        server.start()
        assert [hit.image_id for hit in bundle.searcher.search(query, 2).hits] == [
            hit.image_id for hit in before
        ]
    assert catalog.problem() is None
    catalog.close()
    server.cleanup()
