"""The embedded store as its users know it, against slow loops over plain data."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import GalleryError, IndexMismatch, RetrievalError
from retrieval.store.embedded import EmbeddedStore, EmbeddedWriter, open_store
from retrieval.store.protocol import EVERYTHING, Picture, Scope, Store
from retrieval.store.words import tokens

SIZE, DIMENSION = 120, 8
THINGS = ("dog", "cat", "red car", "car that is red")


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


VECTORS = unit(np.random.default_rng(0).normal(size=(SIZE, DIMENSION)))
CAPTION_VECTORS = unit(np.random.default_rng(1).normal(size=(SIZE, DIMENSION)))


def picture(row: int) -> Picture:
    sha256 = f"{row + 1:064x}"[::-1]
    captions = (f"a {THINGS[row % 4]}",) if row % 5 else ()
    metadata = {"date": f"202{row % 3}-0{1 + row % 9}", "even": str(row % 2 == 0)}
    path = f"{'ab'[row % 2]}/{row}.png"
    return Picture(row, sha256[:16], path, sha256, 10, 20, captions, metadata)


PICTURES = [picture(row) for row in range(SIZE)]
CAPTIONED = [row for row in range(SIZE) if row % 5]


def write(directory: Path, pictures: list[Picture], count: int = SIZE) -> Path:
    with EmbeddedWriter(directory, DIMENSION) as writer:
        writer.add(VECTORS[:70])
        writer.add(VECTORS[70:count])
        writer.add_captions(CAPTIONED[:10], CAPTION_VECTORS[CAPTIONED[:10]])
        writer.add_captions(CAPTIONED[10:], CAPTION_VECTORS[CAPTIONED[10:]])
        writer.finish(pictures, Path("/pictures"), "by me")
    return directory


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    store = open_store(write(tmp_path_factory.mktemp("embedded") / "store", PICTURES))
    yield store
    store.close()


def in_scope(scope: Scope) -> list[int]:
    """Return the rows of a scope, by looking at every picture."""

    def fits(one: Picture) -> bool:
        text = " ".join(one.captions)
        return (
            one.row not in scope.barred
            and not any(phrase in text for phrase in scope.without)
            and all(
                one.path.startswith(f"{value}/")
                if key == "folder"
                else one.metadata[key].startswith(value)
                for key, value in scope.filters
            )
        )

    return [one.row for one in PICTURES if fits(one)]


SCOPES = [
    EVERYTHING,
    Scope(barred=(3, 5)),
    Scope(filters=(("folder", "a"),)),
    Scope(filters=(("date", "2021"), ("even", "True")), barred=(4, 7)),
    Scope(without=("dog", "red car")),
    Scope(filters=(("folder", "b"), ("date", "2020")), without=("cat",), barred=tuple(range(60))),
    Scope(filters=(("folder", "nowhere"),)),
]


@pytest.mark.parametrize("scope", SCOPES)
def test_every_search_keeps_to_its_scope(store: Store, scope: Scope) -> None:
    expected = in_scope(scope)
    assert store.count(scope) == len(expected)
    assert store.first(7, scope).tolist() == expected[:7]
    query = VECTORS[0]
    rows, cosines = store.search(query, 10, scope)
    best = sorted(expected, key=lambda row: -float(VECTORS[row] @ query))[:10]
    assert rows.tolist() == best
    np.testing.assert_allclose(cosines, VECTORS[best] @ query, atol=1e-6)
    rows, _ = store.search(query, 10, scope, "captions")
    told = [row for row in expected if row in CAPTIONED]
    assert rows.tolist() == sorted(told, key=lambda r: -float(CAPTION_VECTORS[r] @ query))[:10]
    hits = store.search_words(["red"], SIZE, scope)
    assert sorted(hits.rows.tolist()) == [r for r in told if "red" in THINGS[r % 4]]


def test_what_a_turn_bars_is_not_barred_in_the_next(store: Store) -> None:
    filters = (("folder", "a"),)
    before = store.count(Scope(filters))
    assert store.count(Scope(filters, barred=(0, 2))) == before - 2
    assert store.count(Scope(filters)) == before


def test_gives_back_what_was_written(store: Store) -> None:
    assert (len(store), store.dimension, store.captioned) == (SIZE, DIMENSION, len(CAPTIONED))
    assert store.attribution == "by me"
    assert store.pictures([7, 0]) == [PICTURES[7], PICTURES[0]]
    assert store.get(PICTURES[9].image_id) == PICTURES[9]
    assert store.rows_of([PICTURES[9].image_id, "nothing"]) == [9]
    np.testing.assert_array_equal(store.vectors([5, 0]), VECTORS[[5, 0]])
    np.testing.assert_array_equal(store.vectors([4, 1], "captions"), CAPTION_VECTORS[[4, 1]])
    assert store.vectors([], "captions").shape == (0, DIMENSION)
    assert store.facets().folders == {"a": 60, "b": 60}
    for row in (0, 5, SIZE - 1 - (SIZE - 1) % 5):
        with pytest.raises(RetrievalError, match=f"row {row} has no captions"):
            store.vectors([1, row], "captions")


def test_a_sample_is_spread_over_a_scope(store: Store) -> None:
    assert store.sample(10).tolist() == list(range(0, SIZE, 12))
    assert store.sample(1000).tolist() == list(range(SIZE))
    assert store.sample(10, turn=25).tolist() == list(range(1, SIZE, 12))
    folder = Scope(filters=(("folder", "a"),), barred=(0,))
    rows = store.sample(10, folder, turn=1)
    assert len(rows) == 10
    assert set(rows.tolist()) <= set(store.first(SIZE, folder).tolist())
    assert set(rows.tolist()).isdisjoint(store.sample(10, folder).tolist())


def test_the_vocabulary_is_the_words_as_written(store: Store) -> None:
    said = [word for one in PICTURES for text in one.captions for word in tokens(text)]
    assert store.vocabulary() == Counter(said)


def test_a_date_that_is_none_is_named(store: Store) -> None:
    with pytest.raises(RetrievalError, match="'soon' is not understood"):
        store.search(VECTORS[0], 1, Scope(filters=(("date", "soon"),)))


def test_without_captions_only_pictures_are_found(tmp_path: Path) -> None:
    bare = [
        Picture(p.row, p.image_id, p.path, p.sha256, 1, 1, (), p.metadata) for p in PICTURES[:3]
    ]
    with EmbeddedWriter(tmp_path / "store", DIMENSION) as writer:
        writer.add(VECTORS[:3])
        assert writer.vectors("captions").shape == (0, DIMENSION)
        writer.finish(bare, tmp_path, "")
    store = open_store(tmp_path / "store")
    assert store.captioned == 0
    assert len(store.search(VECTORS[0], 3, space="captions")[0]) == 0
    assert len(store.search_words(["dog"], 3).rows) == 0
    store.close()


def test_the_writer_leaves_no_scratch_files_and_refuses_what_does_not_fit(tmp_path: Path) -> None:
    directory = write(tmp_path / "store", PICTURES)
    assert not list(directory.rglob(".*"))
    with pytest.raises(GalleryError, match="119 pictures and 120 vectors"):
        write(tmp_path / "other", PICTURES[:-1])
    with EmbeddedWriter(tmp_path / "third", DIMENSION) as writer:
        with pytest.raises(IndexMismatch, match="shape"):
            writer.add(VECTORS[:, :4])
        assert writer.vectors().shape == (0, DIMENSION)


@pytest.mark.parametrize("part", ["vectors.faiss", "captions.faiss", "words", "captions/rows.npy"])
def test_parts_of_two_stores_are_refused(tmp_path: Path, part: str) -> None:
    directory = write(tmp_path / "store", PICTURES)
    with EmbeddedWriter(tmp_path / "small", DIMENSION) as writer:
        writer.add(VECTORS[:70])
        writer.add_captions([1, 2], CAPTION_VECTORS[:2])
        writer.finish(PICTURES[:70], tmp_path, "")
    target = directory / part
    target.rename(tmp_path / "old")
    (tmp_path / "small" / part).rename(target)
    with pytest.raises(IndexMismatch, match=r"has \d+ rows, the gallery 120|captions"):
        open_store(directory)
