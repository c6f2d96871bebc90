"""Recall equals the naive full ranking, with ties counted against us."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedding.data.pairs import load_pairs
from embedding.errors import DataError
from embedding.evaluation.recall import evaluate_model, image_ranks, recall, text_ranks
from embedding.model.joint import JointEmbedding


def naive_text_rank(scores: np.ndarray, caption: int, owners: list[int]) -> int:
    own = owners[caption]
    before = [i for i in range(scores.shape[1]) if i != own]
    return 1 + sum(scores[caption, i] >= scores[caption, own] for i in before)


def naive_image_rank(scores: np.ndarray, image: int, owners: list[int]) -> int:
    best = max(scores[c, image] for c, o in enumerate(owners) if o == image)
    return 1 + sum(scores[c, image] >= best for c, o in enumerate(owners) if o != image)


@given(st.integers(1, 12), st.data())
@settings(max_examples=80, deadline=None)
def test_recall_equals_the_naive_ranking(n_images: int, data: st.DataObject) -> None:
    # Any number of captions an image, none included; small integers make ties common and exact.
    owners = data.draw(st.lists(st.integers(0, n_images - 1), min_size=1, max_size=40))
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    texts = random.integers(-2, 3, (len(owners), 3)).astype(np.float32)
    images = random.integers(-2, 3, (n_images, 3)).astype(np.float32)
    scores = texts @ images.T
    to_image = [naive_text_rank(scores, c, owners) for c in range(len(owners))]
    to_text = [naive_image_rank(scores, i, owners) for i in sorted(set(owners))]

    array = np.array(owners)
    assert text_ranks(texts, images, array).tolist() == to_image
    assert image_ranks(texts, images, array).tolist() == to_text
    found = recall(texts, images, array)
    for direction, ranks in (("text_to_image", to_image), ("image_to_text", to_text)):
        for k in (1, 5, 10):
            expected = 100 * sum(rank <= k for rank in ranks) / len(ranks)
            assert found[direction][f"r{k}"] == pytest.approx(expected, abs=0.0051)
        assert found[direction]["median_rank"] == np.median(ranks)
    assert (found["images"], found["captions"]) == (n_images, len(owners))


def test_a_model_that_maps_all_to_one_point_finds_nothing() -> None:
    found = recall(np.ones((20, 4), np.float32), np.ones((10, 4), np.float32), np.arange(20) // 2)
    assert found["text_to_image"]["r5"] == 0
    assert found["text_to_image"]["median_rank"] == 10
    assert found["image_to_text"]["r10"] == 0


def test_more_rows_than_a_block_are_ranked_the_same() -> None:
    random = np.random.default_rng(0)
    texts, images = random.normal(size=(2500, 8)), random.normal(size=(1300, 8))
    texts, images = texts.astype(np.float32), images.astype(np.float32)
    owners = random.integers(0, 1300, 2500)
    scores = texts @ images.T
    own = scores[np.arange(2500), owners]
    assert (text_ranks(texts, images, owners) == (scores >= own[:, None]).sum(1)).all()


def test_broken_vectors_and_shapes_are_refused() -> None:
    good = np.ones((2, 3), np.float32)
    with pytest.raises(DataError, match="not a number"):
        recall(good * np.nan, good, np.arange(2))
    with pytest.raises(DataError, match=r"\(c,\)"):
        recall(good, good, np.arange(3))


def test_evaluating_a_model_leaves_unreadable_pictures_out(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    pairs = load_pairs(f"csv:{shapes_dir}").subset(range(12))
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    assert pairs.image_paths is not None
    pairs.image_paths[3] = tmp_path / "broken.png"
    model = JointEmbedding.load(shapes_model_dir)
    found = evaluate_model(model, pairs, cache_dir=tmp_path / "cache")
    assert (found["images"], found["captions"]) == (11, 22)
    assert found["text_to_image"]["r5"] > 90
