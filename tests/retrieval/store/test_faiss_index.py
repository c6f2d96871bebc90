from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retrieval.store.faiss_index
from retrieval.errors import IndexMismatch
from retrieval.store.faiss_index import FaissIndex, build_index
from retrieval.store.vectors import Mask, Vectors

SIZE, DIMENSION = 600, 16


def random_vectors(count: int, seed: int = 0, dimension: int = DIMENSION) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


VECTORS = random_vectors(SIZE)
ROWS = np.arange(SIZE)


@pytest.fixture(params=["flat", "inverted lists"])
def index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FaissIndex:
    if request.param != "flat":
        monkeypatch.setattr(retrieval.store.faiss_index, "FLAT_LIMIT", 100)
    built = build_index(VECTORS)
    assert built.kind == request.param
    return built


def naive(query: Vectors, mask: Mask | None = None) -> list[int]:
    """Return the allowed rows, nearest first, by a full sort in double precision."""
    scores = VECTORS.astype(np.float64) @ query.astype(np.float64)
    order = np.argsort(-scores, kind="stable")
    return [row for row in order.tolist() if mask is None or mask[row]]


def assert_nearest(index: FaissIndex, query: Vectors, k: int, mask: Mask | None = None) -> None:
    """Check a search against the full sort; what differs by noise alone may change places."""
    rows, cosines = index.search(query, k, mask)
    expected = naive(query, mask)[:k]
    assert len(rows) == len(set(rows.tolist())) == len(expected)
    np.testing.assert_allclose(VECTORS[rows] @ query, VECTORS[expected] @ query, atol=2e-6)
    np.testing.assert_allclose(cosines, VECTORS[rows] @ query, atol=1e-6)
    assert mask is None or mask[rows].all()


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), k=st.integers(1, SIZE + 5), modulus=st.integers(2, 90))
def test_flat_search_equals_the_naive_full_search(seed: int, k: int, modulus: int) -> None:
    index = build_index(VECTORS)
    query = random_vectors(1, seed)[0]
    assert_nearest(index, query, k)
    assert_nearest(index, query, k, ROWS % modulus == 0)
    assert_nearest(index, query, k, ROWS % modulus != 1)


def test_inverted_lists_find_most_of_what_the_naive_search_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retrieval.store.faiss_index, "FLAT_LIMIT", 100)
    # A quarter of the lists: random vectors of a small set have no clusters to go by.
    monkeypatch.setattr(retrieval.store.faiss_index, "READ_LISTS", 25)
    index = build_index(VECTORS)
    queries = random_vectors(40, seed=5)
    found = [set(index.search(query, 10)[0].tolist()) & {*naive(query)[:10]} for query in queries]
    assert sum(map(len, found)) / 400 > 0.6


def test_the_narrower_the_filter_the_more_lists_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval.store.faiss_index, "FLAT_LIMIT", 100)
    monkeypatch.setattr(retrieval.store.faiss_index, "READ_LISTS", 13)
    index = build_index(VECTORS)
    assert index._lists_to_read(SIZE) == 13
    assert index._lists_to_read(SIZE // 2) == 26
    assert index._lists_to_read(SIZE // 10) == index._lists_to_read(1) == int(4 * np.sqrt(SIZE))
    # So a filter that leaves an eighth or less is exact.
    for seed in range(10):
        assert_nearest(index, random_vectors(1, seed)[0], 10, ROWS % 9 == 0)


def test_more_than_the_lists_read_hold_is_still_found(index: FaissIndex) -> None:
    query = random_vectors(1, seed=3)[0]
    mask = np.ones(SIZE, np.bool_)
    mask[naive(query)[: SIZE - 4]] = False
    assert_nearest(index, query, 10, mask)
    assert_nearest(index, query, SIZE + 1)


def test_a_mask_of_none_finds_none(index: FaissIndex) -> None:
    rows, cosines = index.search(VECTORS[0], 3, np.zeros(SIZE, np.bool_))
    assert (len(rows), len(cosines)) == (0, 0)


def test_equal_vectors_come_in_the_order_of_their_rows() -> None:
    index = build_index(np.repeat(np.eye(2, dtype=np.float32)[::-1], 40, axis=0))
    query = np.array([1, 0], np.float32)
    assert index.search(query, 80)[0].tolist() == [*range(40, 80), *range(40)]


def test_saves_and_loads(index: FaissIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "index.faiss")
    loaded = FaissIndex.load(tmp_path / "index.faiss")
    assert len(loaded) == SIZE
    assert loaded.kind == index.kind
    assert np.array_equal(loaded.vectors(ROWS[::-1]), VECTORS[::-1])
    query = random_vectors(1, seed=2)[0]
    assert loaded.search(query, 20)[0].tolist() == index.search(query, 20)[0].tolist()
    assert list(tmp_path.iterdir()) == [tmp_path / "index.faiss"]


def test_vectors_of_rows_that_are_not_there_are_refused(index: FaissIndex) -> None:
    assert index.vectors(ROWS[:0]).shape == (0, DIMENSION)
    for row in (-1, SIZE):
        with pytest.raises(IndexMismatch, match=f"row {row} is not in the index of 600"):
            index.vectors(np.array([0, row]))


def test_built_from_a_file_and_in_any_memory_layout(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", VECTORS)
    for vectors in (np.load(tmp_path / "v.npy", mmap_mode="r"), np.asfortranarray(VECTORS)):
        assert np.array_equal(build_index(vectors).vectors(ROWS), VECTORS)


@pytest.mark.parametrize(
    ("vectors", "named"),
    [
        (VECTORS.astype(np.float64), "float64; expected float32"),
        (VECTORS[0], r"shape \(16,\)"),
        (VECTORS[:0, :0], "expected"),
        (VECTORS * 2, "length 2; expected vectors normalised"),
        (VECTORS * np.float32(np.nan), "NaN"),
    ],
)
def test_build_refuses_what_does_not_fit(vectors: Vectors, named: str) -> None:
    with pytest.raises(IndexMismatch, match=named):
        build_index(vectors)


def test_search_refuses_what_does_not_fit(index: FaissIndex) -> None:
    with pytest.raises(IndexMismatch, match="k is 0"):
        index.search(VECTORS[0], 0)
    with pytest.raises(IndexMismatch, match="shape"):
        index.search(VECTORS[0, :4], 1)
    with pytest.raises(IndexMismatch, match="length 3"):
        index.search(VECTORS[0] * 3, 1)


def test_load_refuses_other_files(tmp_path: Path) -> None:
    path = tmp_path / "index.faiss"
    with pytest.raises(IndexMismatch, match="not a readable FAISS index"):
        FaissIndex.load(path)
    path.write_bytes(b"not an index at all")
    with pytest.raises(IndexMismatch, match="not a readable FAISS index"):
        FaissIndex.load(path)
    faiss.write_index(faiss.IndexIDMap2(faiss.IndexFlatIP(4)), str(path))
    with pytest.raises(IndexMismatch, match="IndexIDMap2"):
        FaissIndex.load(path)


def test_searches_from_several_threads_agree(index: FaissIndex) -> None:
    queries = random_vectors(64, seed=11)
    alone = [index.search(query, 10)[0].tolist() for query in queries]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda query: index.search(query, 10)[0].tolist(), queries))
    assert together == alone


def test_search_leaves_the_thread_setting_alone(index: FaissIndex) -> None:
    before = faiss.omp_get_max_threads()
    index.search(VECTORS[0], 1)
    assert faiss.omp_get_max_threads() == before
