from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retrieval.store.faiss_index
from retrieval.errors import IndexMismatch
from retrieval.store.faiss_index import FaissIndex, Vectors, build_index

SIZE, DIMENSION = 600, 16


def random_vectors(count: int, seed: int = 0, dimension: int = DIMENSION) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


VECTORS = random_vectors(SIZE)
# Neither consecutive nor in order.
IDS = np.random.default_rng(1).permutation(SIZE).astype(np.int64) * 7 + 3


@pytest.fixture(params=["flat", "inverted lists"])
def index(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FaissIndex:
    if request.param != "flat":
        monkeypatch.setattr(retrieval.store.faiss_index, "FLAT_LIMIT", 100)
    built = build_index(IDS, VECTORS)
    assert built.kind == request.param
    return built


def naive(query: Vectors, k: int, allowed: Callable[[int], bool] = lambda _: True) -> list[int]:
    """Return the ids of the k nearest by a full sort in double precision."""
    scored = [
        (-float(vector.astype(np.float64) @ query.astype(np.float64)), int(own))
        for own, vector in zip(IDS, VECTORS, strict=True)
        if allowed(int(own))
    ]
    return [own for _, own in sorted(scored)[:k]]


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), k=st.integers(1, SIZE + 5), modulus=st.integers(2, 9))
def test_flat_search_equals_the_naive_full_search(seed: int, k: int, modulus: int) -> None:
    index = build_index(IDS, VECTORS)
    query = random_vectors(1, seed)[0]
    ids, scores = index.search(query, k)
    assert ids.tolist() == naive(query, k)
    assert scores == pytest.approx(index.vectors(ids) @ query, abs=1e-6)
    among = IDS[IDS % modulus == 0]
    without = IDS[IDS % modulus == 1]
    assert index.search(query, k, among=among)[0].tolist() == naive(
        query, k, lambda own: own % modulus == 0
    )
    assert index.search(query, k, without=without)[0].tolist() == naive(
        query, k, lambda own: own % modulus != 1
    )
    assert index.search(query, k, among=IDS[:50], without=IDS[25:])[0].tolist() == naive(
        query, k, set(IDS[:25].tolist()).__contains__
    )


def test_inverted_lists_find_most_of_what_the_naive_search_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retrieval.store.faiss_index, "FLAT_LIMIT", 100)
    # A quarter of the lists: random vectors of a small set have no clusters to go by.
    monkeypatch.setattr(retrieval.store.faiss_index, "READ_SHARE", 4)
    index = build_index(IDS, VECTORS)
    queries = random_vectors(40, seed=5)
    found = [set(index.search(query, 10)[0].tolist()) & set(naive(query, 10)) for query in queries]
    assert sum(map(len, found)) / 400 > 0.6


def test_more_than_the_lists_read_hold_is_still_found(index: FaissIndex) -> None:
    query = random_vectors(1, seed=3)[0]
    barred = np.array(naive(query, SIZE - 4), np.int64)
    ids, scores = index.search(query, 10, without=barred)
    assert ids.tolist() == naive(query, SIZE)[-4:]
    assert (np.diff(scores) <= 0).all()
    ids, _ = index.search(query, SIZE + 1)
    assert ids.tolist() == naive(query, SIZE)


def test_large_filters_go_through_faiss(index: FaissIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval.store.faiss_index, "FLAT_LIMIT", 10)
    query = random_vectors(1, seed=4)[0]
    among = IDS[:200]
    ids, _ = index.search(query, 200, among=among, without=IDS[:20])
    assert ids.tolist() == naive(query, 200, set(IDS[20:200].tolist()).__contains__)


def test_unknown_ids_in_filters_are_ignored(index: FaissIndex) -> None:
    query = VECTORS[0]
    ids, _ = index.search(query, 3, among=np.array([IDS[0], 999_999]), without=np.array([999_998]))
    assert ids.tolist() == [IDS[0]]
    assert index.search(query, 3, among=np.array([], np.int64))[0].tolist() == []
    assert index.search(query, 3, without=IDS)[0].tolist() == []


def test_saves_and_loads(index: FaissIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "index.faiss")
    loaded = FaissIndex.load(tmp_path / "index.faiss")
    assert len(loaded) == SIZE
    assert loaded.kind == index.kind
    assert loaded.ids.tolist() == sorted(IDS.tolist())
    assert np.array_equal(loaded.vectors(IDS), VECTORS)
    query = random_vectors(1, seed=2)[0]
    assert loaded.search(query, 20)[0].tolist() == index.search(query, 20)[0].tolist()
    assert list(tmp_path.iterdir()) == [tmp_path / "index.faiss"]


def test_adds_and_removes(index: FaissIndex) -> None:
    new = random_vectors(5, seed=9)
    new_ids = np.arange(10_000, 10_005, dtype=np.int64)
    index.add(new_ids, new)
    index.remove(IDS[:100])
    assert len(index) == SIZE - 95
    assert np.array_equal(index.vectors(new_ids), new)
    assert np.array_equal(index.vectors(IDS[100:]), VECTORS[100:])
    for vector, own in zip(new, new_ids, strict=True):
        assert index.search(vector, 1)[0].tolist() == [own]
    gone = set(IDS[:100].tolist())
    assert not gone & set(index.search(VECTORS[0], SIZE)[0].tolist())
    with pytest.raises(IndexMismatch, match=f"id {IDS[0]} is not in the index"):
        index.vectors(IDS[:1])
    with pytest.raises(IndexMismatch, match="is not in the index"):
        index.remove(IDS[:1])
    index.add(IDS[:100], VECTORS[:100])
    assert np.array_equal(index.vectors(IDS), VECTORS)


@pytest.mark.parametrize(
    ("ids", "vectors", "named"),
    [
        ([1], VECTORS[:1].astype(np.float64), "float64; expected float32"),
        ([1], VECTORS[:1, :8], r"shape \(1, 8\); expected \(n, 16\)"),
        ([1], VECTORS[0], r"shape \(16,\)"),
        ([1, 2], VECTORS[:1], r"shape \(2,\); expected int64 of shape \(1,\)"),
        ([1, 1], VECTORS[:2], "id 1 is given twice"),
        ([-1], VECTORS[:1], "id -1 is negative"),
        ([int(IDS[0])], VECTORS[:1], "is already in the index"),
        ([1], VECTORS[:1] * 2, "length 2; expected vectors normalised"),
        ([1], VECTORS[:1] * np.float32(np.nan), "NaN"),
    ],
)
def test_add_refuses_what_does_not_fit(
    index: FaissIndex, ids: list[int], vectors: Vectors, named: str
) -> None:
    with pytest.raises(IndexMismatch, match=named):
        index.add(np.array(ids, np.int64), vectors)
    assert len(index) == SIZE


def test_ids_are_int64(index: FaissIndex) -> None:
    with pytest.raises(IndexMismatch, match="float64"):
        index.add(np.array([1.0]), VECTORS[:1])  # type: ignore[arg-type]


def test_vectors_in_any_memory_layout() -> None:
    index = build_index(IDS, np.asfortranarray(VECTORS))
    assert np.array_equal(index.vectors(IDS), VECTORS)
    assert index.vectors(IDS[:0]).shape == (0, DIMENSION)


def test_search_refuses_what_does_not_fit(index: FaissIndex) -> None:
    with pytest.raises(IndexMismatch, match="k is 0"):
        index.search(VECTORS[0], 0)
    with pytest.raises(IndexMismatch, match="shape"):
        index.search(VECTORS[0, :4], 1)
    with pytest.raises(IndexMismatch, match="length 3"):
        index.search(VECTORS[0] * 3, 1)


def test_load_refuses_other_files(tmp_path: Path) -> None:
    path = tmp_path / "index.faiss"
    with pytest.raises(IndexMismatch, match="no readable FAISS index"):
        FaissIndex.load(path)
    path.write_bytes(b"not an index at all")
    with pytest.raises(IndexMismatch, match="no readable FAISS index"):
        FaissIndex.load(path)
    faiss.write_index(faiss.IndexFlatIP(4), str(path))
    with pytest.raises(IndexMismatch, match="IndexFlatIP"):
        FaissIndex.load(path)
    faiss.write_index(faiss.IndexIDMap2(faiss.IndexFlatL2(4)), str(path))
    with pytest.raises(IndexMismatch, match="inner product"):
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
