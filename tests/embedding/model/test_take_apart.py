"""Training goes on from where a model is: our own, or anybody else's."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from embedding.data.pairs import Pairs, load_pairs
from embedding.errors import ModelError
from embedding.evaluation.recall import evaluate_model
from embedding.model.joint import JointEmbedding
from embedding.model.take_apart import identity_head, towers_of
from embedding.training.config import TrainConfig
from embedding.training.train import train
from tests.fixtures.foreign import FOREIGN

pytestmark = pytest.mark.usefixtures("in_float32")

TEXTS = ["a red star", "a picture of a blue ring", "http://127.0.0.1:9/x.png", ""]


@pytest.fixture
def started(foreign_models: dict[str, Path], tiny_model_dir: Path, request) -> Path:
    models: dict[str, Path] = {**foreign_models, "ours": tiny_model_dir}
    return models[request.param]


def distinct_shapes(shapes: Path) -> Pairs:
    """Return one drawing of each kind: others share its captions, and equal scores are luck."""
    pairs = load_pairs(f"csv:{shapes}")
    return pairs.subset([i for i, name in enumerate(pairs.image_ids) if name.endswith("-0.png")])


@pytest.mark.parametrize("started", [*FOREIGN, "ours"], indirect=True)
def test_the_towers_start_where_the_model_is(
    started: Path, shapes_dir: Path, tmp_path: Path
) -> None:
    own = JointEmbedding.load(started)
    text, image = towers_of(JointEmbedding.load(started))
    joined = JointEmbedding.from_towers(text, image, name="start")
    pictures = [Image.open(path) for path in sorted(shapes_dir.glob("*-star-0.png"))]
    for before, after in (
        (own.encode_text(TEXTS), joined.encode_text(TEXTS)),
        (own.encode_images(pictures), joined.encode_images(pictures)),
    ):
        np.testing.assert_allclose(after, before, atol=1e-6)
    pairs = distinct_shapes(shapes_dir)
    first = evaluate_model(own, pairs, cache_dir=tmp_path / "own")
    assert evaluate_model(joined, pairs, cache_dir=tmp_path / "joined") == first

    joined.save(tmp_path / "model", {})
    again = JointEmbedding.load(tmp_path / "model")
    np.testing.assert_array_equal(again.encode_text(TEXTS), joined.encode_text(TEXTS))
    np.testing.assert_array_equal(again.encode_images(pictures), joined.encode_images(pictures))


@pytest.mark.parametrize("started", FOREIGN, indirect=True)
def test_both_sides_can_learn_apart(started: Path) -> None:
    text, image = towers_of(JointEmbedding.load(started), dropout=0.5)
    model = JointEmbedding.from_towers(text, image, name="start")
    vectors = text.project(text.encode(model.preprocess(["a red star", "a dog"])))
    vectors.square().sum().backward()
    gradients = [p.grad for m in (*text.head, *text.encoder) for p in m.parameters()]
    assert sum(float(g.abs().sum()) for g in gradients if g is not None) > 0
    hidden = text.head[0].linear.weight.grad
    assert hidden is not None
    assert float(hidden.abs().sum()) > 0
    assert all(p.grad is None for m in (*image.encoder, *image.head) for p in m.parameters())


def test_the_head_changes_nothing_at_first() -> None:
    vectors = torch.randn(5, 7)
    found = {"sentence_embedding": vectors.clone()}
    for module in identity_head(7, 0.0):
        found = module(found)
    assert torch.equal(found["sentence_embedding"], vectors)


def test_what_cuts_its_vectors_short_is_refused(foreign_models: dict[str, Path]) -> None:
    model = JointEmbedding.load(foreign_models[FOREIGN[0]])
    model.module.truncate_dim = 3
    with pytest.raises(ModelError, match="cuts its vectors short"):
        towers_of(model)


@pytest.mark.parametrize("started", [*FOREIGN, "ours"], indirect=True)
def test_training_starts_where_the_model_is(
    started: Path, shapes_dir: Path, tmp_path: Path
) -> None:
    pairs = distinct_shapes(shapes_dir)
    still = TrainConfig(
        start_from=str(started),
        train_text="yes",
        train_on="all",
        keep_text=0.0,
        epochs=2,
        batch_size=15,
        learning_rate=1e-12,
        text_rate=1e-12,
        weight_decay=0.0,
        precision="float32",
    )
    cache = tmp_path / "cache"
    own = evaluate_model(JointEmbedding.load(started), pairs, cache_dir=cache)
    kept = train(pairs, still, tmp_path / "still", cache_dir=cache)
    for direction in ("text_to_image", "image_to_text"):
        assert kept.metrics[direction] == own[direction]
    moving = still.changed(learning_rate=1e-2, text_rate=1e-3)
    moved = train(pairs, moving, tmp_path / "moved", cache_dir=cache)
    assert moved.history[-1]["loss"] < kept.history[-1]["loss"]
    again = evaluate_model(JointEmbedding.load(moved.model_dir), pairs, cache_dir=cache)
    for direction in ("text_to_image", "image_to_text"):
        assert again[direction] == moved.metrics[direction]
