"""The image tower learns too: what changes, what stays, what is refused; averages."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from embedding.data.pairs import Pairs, load_pairs
from embedding.errors import TrainingError
from embedding.evaluation.recall import evaluate_model
from embedding.model.joint import JointEmbedding
from embedding.model.towers import feature_tower
from embedding.training.config import TrainConfig
from embedding.training.losses import build_loss
from embedding.training.parameters import Trainable, lent_weights, moving_average, start_towers
from embedding.training.train import train
from tests.fixtures.models import build_model

TUNE = TrainConfig(
    dimension=32,
    image_hidden=0,
    image_size=64,
    fit="squash",
    train_text="no",
    train_image="yes",
    captions_per_image=2,
    epochs=2,
    batch_size=24,
)


@pytest.fixture
def pairs(shapes_dir: Path) -> Pairs:
    return load_pairs(f"csv:{shapes_dir}").subset(range(0, 90, 3))


def test_the_image_tower_learns_and_is_saved(pairs: Pairs, tmp_path: Path) -> None:
    assert pairs.image_paths is not None
    broken = tmp_path / "broken.png"
    broken.write_bytes(pairs.image_paths[7].read_bytes()[:99])
    pairs.image_paths[7] = broken
    steps: list[str] = []
    result = train(
        pairs,
        TUNE.changed(average=0.5),
        tmp_path / "run",
        cache_dir=tmp_path / "cache",
        progress=lambda done, total, what: steps.append(what),
    )
    assert [item.what for item in result.skipped] == [pairs.image_ids[7]]
    assert set(steps) == {"decoding pictures", "training"}
    assert steps.count("training") == 2 * 3  # 27 images or 26, two captions each, 24 a step

    model = JointEmbedding.load(tmp_path / "run")
    processor: Any = model.image.encoder[0]
    assert (processor.processor.size, processor.processor.fit) == (64, "squash")
    before = build_model(dimension=32, image_hidden=0).image.encoder[0].state_dict()
    after = model.image.encoder[0].state_dict()
    assert before.keys() == after.keys()
    changed = {name for name in after if (after[name] != before[name]).any()}
    assert "model.network._conv_head.weight" in changed
    assert not any("_depthwise" in name or "_blocks.2." in name for name in changed)

    # What was measured while training is what the saved model says of the same pictures.
    held_out = pairs.subset(np.sort(np.random.default_rng(0).permutation(30)[:3]))
    again = evaluate_model(model, held_out, cache_dir=tmp_path / "cache")
    assert again["text_to_image"] == result.metrics["text_to_image"]


def test_smaller_views_are_learned_from_and_whole_pictures_judged(
    pairs: Pairs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from embedding.model.towers import Tower

    sides: list[int] = []
    encode = Tower.encode

    def watch(tower: Tower, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        if "pixel_values" in inputs:
            sides.append(inputs["pixel_values"].shape[-1])
        return encode(tower, inputs)

    monkeypatch.setattr(Tower, "encode", watch)
    config = TUNE.changed(train_size=32, epochs=1)
    train(pairs, config, tmp_path / "run", cache_dir=tmp_path / "cache")
    assert sides == [32] * 3 + [64]
    assert JointEmbedding.load(tmp_path / "run").image.encoder[0].processor.size == 64


def test_each_fold_starts_from_the_same_encoder(pairs: Pairs, tmp_path: Path) -> None:
    config = TUNE.changed(folds=2, epochs=1)
    both = train(pairs, config, tmp_path / "a", cache_dir=tmp_path / "cache")
    assert len(both.folds) == 2
    assert both.metrics["images"] == 15


def test_features_cannot_be_tuned(tmp_path: Path) -> None:
    features = np.eye(4, dtype=np.float32)
    pairs = Pairs("x", list("abcd"), list("abcd"), np.arange(4), features=features)
    with pytest.raises(TrainingError, match="no pictures to train an image tower on"):
        train(pairs, TUNE, tmp_path)


def test_what_learns_and_how_fast() -> None:
    config = TUNE.changed(train_text="yes", train_image="no", text_dropout=0.0, learning_rate=0.1)
    config = config.changed(dropout=0.0)
    text, image = start_towers(["a"], feature_tower(3, 32), config)
    trained = Trainable(text, image, build_loss("infonce", margin=0.2, temperature=0.1), config)
    groups = {group["name"]: group for group in trained.groups()}
    assert {name: group["lr"] for name, group in groups.items()} == {
        "heads": 0.1,
        "loss": 0.1,
        "text": config.text_rate,
    }
    learning = {name for name, value in trained.named_parameters() if value.requires_grad}
    assert not any("word_embeddings" in name for name in learning)
    assert any("layer.0" in name for name in learning)
    assert {module.p for module in trained["text"].modules() if hasattr(module, "p")} == {0.0}
    assert len(trained.shared()) == len(list(trained.parameters())) - 1
    start_towers(["a"], image, config)
    with_words = Trainable(
        *start_towers(["a"], image, config),
        build_loss("infonce", margin=0.2, temperature=0.1),
        config.changed(train_words=True),
    )
    assert all(p.requires_grad for p in with_words.parameters())


def test_an_average_is_lent_and_given_back() -> None:
    layer = torch.nn.Linear(2, 1)
    assert moving_average(layer, 0.0) is None
    average = moving_average(layer, 0.75)
    assert average is not None
    torch.nn.init.constant_(layer.weight, 0.0)
    average.update_parameters(layer)  # the first step is taken as it is
    torch.nn.init.constant_(layer.weight, 4.0)
    average.update_parameters(layer)
    with lent_weights(layer, average):
        assert layer.weight.tolist() == [[1.0, 1.0]]
    assert layer.weight.tolist() == [[4.0, 4.0]]
    with lent_weights(layer, None):
        assert layer.weight.tolist() == [[4.0, 4.0]]
