from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from embedding.onnx.encoder import OnnxEncoder
from retrieval.bundle.build import build_bundle
from retrieval.bundle.bundle import Bundle, Candidate
from retrieval.search.captions import best_caption, mean_captions, words_in
from retrieval.search.query import Query
from retrieval.store.vectors import Vectors

DIRECTIONS = {"east": (1, 0), "north": (0, 1), "west": (-1, 0), "north-east": (0.6, 0.8)}


class Encoder:
    """Texts -> vectors, and which texts were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return np.array([DIRECTIONS[text] for text in texts], dtype=np.float32)


def test_the_mean_equals_a_slow_loop() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(40, 8)).astype(np.float32)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    captions = [[str(i) for i in rng.integers(0, 40, rng.integers(1, 6))] for _ in range(25)]
    found = mean_captions(captions, lambda texts: table[[int(text) for text in texts]])
    for texts, vector in zip(captions, found, strict=True):
        mean = np.mean([table[int(text)] for text in texts], axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


def test_captions_that_cancel_out_leave_the_first() -> None:
    assert mean_captions([["east", "west"]], Encoder()).tolist() == [[1, 0]]


def test_words_in_and_best_caption() -> None:
    captions = ("A brown dog runs", "two dogs, actually")
    words = ["running", "dogs", "cats"]
    assert words_in(words, captions) == ("running", "dogs")
    assert words_in(words, ()) == words_in([], captions) == ()
    assert best_caption(words, captions) == "A brown dog runs"
    assert best_caption(["two"], captions) == "two dogs, actually"
    assert best_caption([], captions) == "A brown dog runs"
    assert best_caption(words, ()) == ""


@pytest.fixture(scope="module")
def told(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """Two pictures of which captions say what looks do not, and one without."""
    bundles = tmp_path_factory.mktemp("told")
    captions = {"red-star-0.png": ("my holiday at the seaside",), "blue-ring-0.png": ("homework",)}
    images = [Candidate(Path(name), texts) for name, texts in captions.items()]
    images.append(Candidate(Path("green-square-0.png")))
    report = build_bundle(images, root=shapes_dir, model_dir=shapes_model_dir, bundles=bundles)
    return bundles, report.version


def test_a_caption_is_found_by_what_it_means(told: tuple[Path, str]) -> None:
    with Bundle.open(*told) as bundle:
        assert bundle.store.captioned == 2
        wish = Query(texts=("vacation on the beach",))
        first = bundle.searcher.search(wish, 1).hits[0]
        assert first.caption == "my holiday at the seaside"
        assert "caption" in first.reasons or "visual" in first.reasons
        by_words = bundle.make_searcher(meaning=False).search(wish, 3)
        assert not any("caption" in hit.reasons for hit in by_words.hits)


def test_the_next_version_takes_the_vectors_over(
    told: tuple[Path, str],
    shapes_dir: Path,
    shapes_model_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundles, version = told
    asked: list[str] = []
    encode = OnnxEncoder.encode_text
    monkeypatch.setattr(
        OnnxEncoder,
        "encode_text",
        lambda model, texts: asked.extend(texts) or encode(model, texts),
    )
    images = [
        Candidate(Path("red-star-0.png"), ("my holiday at the seaside",)),
        Candidate(Path("blue-ring-0.png"), ("something else",)),
    ]
    report = build_bundle(images, root=shapes_dir, model_dir=shapes_model_dir, bundles=bundles)
    assert "my holiday at the seaside" not in asked
    assert asked.count("something else") == 1
    with Bundle.open(bundles, version) as old, Bundle.open(bundles, report.version) as new:
        image_id = new.store.pictures([0])[0].image_id
        before, after = (
            one.store.vectors(one.store.rows_of([image_id]), "captions") for one in (old, new)
        )
        np.testing.assert_array_equal(before, after)


def test_a_gallery_without_captions_has_no_such_file(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    report = build_bundle(
        [Candidate(Path("red-star-0.png"))],
        root=shapes_dir,
        model_dir=shapes_model_dir,
        bundles=tmp_path,
    )
    assert not list((tmp_path / report.version / "store").glob("captions*"))
    with Bundle.open(tmp_path, report.version) as bundle:
        assert bundle.searcher.search(Query(texts=("a red star",)), 1).hits
