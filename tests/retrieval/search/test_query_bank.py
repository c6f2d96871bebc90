import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedding.model.joint import JointEmbedding
from retrieval.bundle.build import build_bundle
from retrieval.bundle.bundle import Bundle, Candidate
from retrieval.bundle.manifest import MANIFEST, REQUESTS, Manifest, record_files
from retrieval.errors import BundleRefused, RetrievalError
from retrieval.search.query import Query
from retrieval.search.query_bank import (
    LEAST_REQUESTS,
    MOST_REQUESTS,
    NEAREST,
    RequestBank,
    TypicalRequests,
    choose_requests,
    known_bank,
    measure_nearness,
)

MANY = [f"request {i}" for i in range(LEAST_REQUESTS)]
WORDS = ("dog", "cat", "car")


def measured(
    bank: RequestBank, pictures: np.ndarray, captions: Sequence[Sequence[str]]
) -> TypicalRequests:
    return TypicalRequests(replace(bank, texts=()), measure_nearness(bank, pictures, captions))


def encode(texts: Sequence[str]) -> np.ndarray:
    """One axis a word, and one that all texts share."""
    rows = [[float(word in text) for word in WORDS] + [0.5] for text in texts]
    vectors = np.array(rows, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_typical_requests_are_a_fixed_sample_of_what_the_model_names() -> None:
    assert sorted(choose_requests([*MANY, *MANY, " "])) == sorted(MANY)
    assert choose_requests(MANY[1:]) == []
    lots = [f"request {i}" for i in range(2 * MOST_REQUESTS)]
    chosen = choose_requests(lots)
    assert len(set(chosen)) == MOST_REQUESTS
    assert chosen == choose_requests(lots[::-1])


def test_nearness_is_the_mean_of_the_nearest_but_the_own_captions() -> None:
    texts = [*(f"a dog {i}" for i in range(12)), *(f"a cat {i}" for i in range(12))]
    pictures = np.eye(4, dtype=np.float32)
    captions: list[list[str]] = [[], [f"a cat {i}" for i in range(11)], [], []]
    found = measured(RequestBank.of(texts, encode), pictures, captions)
    vectors = found.bank.vectors
    expected = np.array(
        [
            sorted(
                (
                    picture @ vector
                    for text, vector in zip(texts, vectors, strict=True)
                    if text not in own
                ),
                reverse=True,
            )[:NEAREST]
            for picture, own in zip(pictures, captions, strict=True)
        ]
    ).mean(axis=1)
    assert found.nearness == pytest.approx(expected, abs=1e-6)
    assert found.nearness[1] < found.nearness[0]


def test_the_direction_of_a_phrase_tells_it_from_the_rest() -> None:
    texts = [f"{what} {i}" for i in range(4) for what in ("two dogs", "a cat", "a red car")]
    bank = RequestBank.of(texts * 3, encode)
    found = measured(bank, np.eye(4, dtype=np.float32), [[]] * 4)
    for phrase in ("dog", "no dogs", "the dogs"):
        direction = found.direction(phrase)
        assert direction is not None
        assert np.argmax(direction) == 0
        assert np.linalg.norm(direction) == pytest.approx(1)
    red_cars = found.direction("red cars")
    assert red_cars is not None
    assert np.argmax(red_cars) == 2
    for rare in ("horse", "car red", "", "ca", "2 a"):
        assert found.direction(rare) is None


def test_saved_and_loaded_alike(tmp_path: Path) -> None:
    texts = [f"{word} \u00e9 {i}" for word in WORDS for i in range(4)]
    bank = RequestBank.of(texts, encode)
    made = measured(bank, np.eye(4, dtype=np.float32), [[]] * 4)
    for name in ("a.npz", "b.npz"):
        made.bank.save(tmp_path / name, made.nearness)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded = TypicalRequests.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(loaded.bank.vectors, made.bank.vectors)
    np.testing.assert_array_equal(loaded.nearness, made.nearness)
    assert loaded.bank.directions.keys() == made.bank.directions.keys()
    for phrase, direction in made.bank.directions.items():
        np.testing.assert_allclose(loaded.bank.directions[phrase], direction, atol=0.01)
    # Vectors and phrases, but nothing of what anybody wrote.
    with zipfile.ZipFile(tmp_path / "a.npz") as file:
        assert not any("dog \u00e9 1".encode("utf-32-le") in file.read(n) for n in file.namelist())
    assert loaded.bank.texts == ()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 nothing", b"\x93NUMPY"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "requests.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RetrievalError, match=r"requests\.npz cannot be read"):
        TypicalRequests.load(path)


def test_a_bundle_keeps_what_its_model_knows_and_searches_with_it(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    texts = [
        f"a {size} {color} {i}"
        for i in range(20)
        for size in ("big", "small")
        for color in ("red", "green", "blue", "black", "purple")
    ]
    JointEmbedding.load(shapes_model_dir).save(tmp_path / "model", {"requests": texts})
    pictures = [Candidate(path) for path in sorted(shapes_dir.glob("*-0.png"))]
    bundles = tmp_path / "bundles"
    version = build_bundle(
        pictures, root=shapes_dir, model_dir=tmp_path / "model", bundles=bundles
    ).version
    with Bundle.open(bundles, version) as bundle:
        assert bundle.requests is not None
        assert len(bundle.requests.bank.vectors) == len(texts)
        assert bundle.requests.nearness.shape == (len(pictures),)
        assert bundle.requests.direction("red") is not None
        red = Query(texts=("a shape",)).exclude("red")
        hits = bundle.searcher.search(red, 20).hits
        colors = [bundle.store.file(hit.image_id).name.split("-")[0] for hit in hits]
        assert "red" not in colors[:10]
    # One picture too few: the file belongs to another gallery.
    path = bundles / version / REQUESTS
    requests = TypicalRequests.load(path)
    requests.bank.save(path, requests.nearness[1:])
    manifest = Manifest.read(bundles / version)
    files = {k: v for k, v in record_files(bundles / version).items() if k != MANIFEST}
    manifest.model_copy(update={"files": files}).write(bundles / version)
    with pytest.raises(BundleRefused, match="shape of the requests"):
        Bundle.open(bundles, version)


def test_a_model_may_come_with_vectors_in_place_of_texts(
    shapes_model_dir: Path, tmp_path: Path
) -> None:
    model = JointEmbedding.load(shapes_model_dir)
    assert known_bank(shapes_model_dir, model) is None
    bank = RequestBank.of(MANY, model.encode_text)
    bank.save(tmp_path / REQUESTS)
    found = known_bank(tmp_path, model)
    assert found is not None
    np.testing.assert_array_equal(found.vectors, bank.vectors)
    assert (found.vectors * model.encode_text(MANY)).sum(axis=1).min() > 0.999
    RequestBank.of(MANY, encode).save(tmp_path / REQUESTS)
    with pytest.raises(RetrievalError, match=r"has 4 dimensions, the model 64"):
        known_bank(tmp_path, model)
