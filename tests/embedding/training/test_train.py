"""Training, small but whole: every recipe, folds, resume, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sentence_transformers.sentence_transformer.modules import WordEmbeddings

from embedding.data.pairs import Pairs, load_pairs
from embedding.errors import ModelError, TrainingError
from embedding.evaluation.recall import evaluate_model
from embedding.model.joint import JointEmbedding
from embedding.training.config import TrainConfig
from embedding.training.train import train
from tests.fixtures.models import build_model

QUICK = TrainConfig(dimension=64, image_hidden=0, epochs=40, batch_size=32, train_on="all")
LSTM = TrainConfig(
    text_tower="lstm",
    loss="ranking",
    dimension=32,
    image_hidden=0,
    epochs=12,
    batch_size=16,
    learning_rate=5e-3,
    evaluate_every=3,
    folds=3,
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


def test_a_small_gallery_is_learned_and_sentences_keep_their_meaning(
    shapes_dir: Path, tmp_path: Path, cache: Path
) -> None:
    steps: list[tuple[int, int, str]] = []
    result = train(
        f"csv:{shapes_dir}",
        QUICK,
        tmp_path / "run",
        cache_dir=cache,
        progress=lambda done, total, what: steps.append((done, total, what)),
    )
    assert result.config.train_text == "no"
    assert steps[-1][0] == steps[-1][1]
    assert {step[2] for step in steps} == {"extracting image features", "training"}
    record = json.loads((tmp_path / "run" / "training.json").read_text())
    assert record["metrics"] == result.metrics
    assert len(record["history"]) == 40
    assert record["history"][-1]["loss"] < record["history"][0]["loss"] / 2
    looks = [[look[k] for k in ("r1", "r5", "r10")] for look in record["history"] if "r1" in look]
    assert looks
    assert all(look == sorted(look) for look in looks)
    assert not (tmp_path / "run" / "checkpoint").exists()

    model = JointEmbedding.load(tmp_path / "run")
    assert model.info["training"]["loss"] == "infonce"
    pairs = load_pairs(f"csv:{shapes_dir}")
    # Three drawings share each caption, so the right kind is first, the right drawing third.
    assert evaluate_model(model, pairs, cache_dir=cache)["text_to_image"]["r5"] > 95
    # A sentence that is none of the captions, and in none of their words.
    texts = model.encode_text(["crimson", "the color of grass"])
    colors = model.encode_text(["a red ring", "a green ring", "a blue ring"])
    assert (texts @ colors.T).argmax(axis=1).tolist() == [0, 1]


def test_typical_requests_go_with_the_model_and_none_that_was_held_out(tmp_path: Path) -> None:
    features = np.random.default_rng(0).standard_normal((20, 8)).astype(np.float32)
    captions = [f"caption {i} of picture {i // 2}" for i in range(40)]
    names = [str(i) for i in range(20)]
    pairs = Pairs("x", names, captions, np.arange(40) // 2, features=features)
    config = TrainConfig(epochs=1, dimension=8, image_hidden=0, text_tower="lstm")
    train(pairs, config, tmp_path / "run")
    requests = JointEmbedding.load(tmp_path / "run").info["requests"]
    assert len(requests) == 18
    dev = np.random.default_rng(config.seed).permutation(20)[:2].tolist()
    assert {captions.index(text) // 2 for text in requests} == set(range(20)) - set(dev)
    train(pairs, config.changed(train_on="all"), tmp_path / "all")
    assert JointEmbedding.load(tmp_path / "all").info["requests"] == []


def test_a_trained_text_tower_changes_and_a_frozen_one_does_not(
    shapes_dir: Path, tmp_path: Path, cache: Path
) -> None:
    pairs = load_pairs(f"csv:{shapes_dir}").subset(range(0, 90, 5))
    texts = ["a red circle", "a dog"]
    before = build_model(dimension=64).encode_sentences(texts)
    for train_text, same in (("no", True), ("yes", False)):
        config = QUICK.changed(epochs=2, train_text=train_text)
        result = train(pairs, config, tmp_path / train_text, cache_dir=cache)
        after = JointEmbedding.load(result.model_dir).encode_sentences(texts)
        assert bool(np.abs(before - after).max() < 1e-6) is same


def test_the_lstm_recipe_with_folds(features: Path, tmp_path: Path) -> None:
    result = train(f"features:{features}", LSTM, tmp_path / "run")
    assert len(result.folds) == 3
    assert result.metrics == max(
        result.folds, key=lambda m: sum(m["text_to_image"][k] for k in ("r1", "r5", "r10"))
    )
    # 30 images are held out; each kind is there once, so chance would be 3 in 100.
    assert result.metrics["text_to_image"]["r5"] > 60
    model = JointEmbedding.load(result.model_dir)
    pairs = load_pairs(f"features:{features}")
    assert evaluate_model(model, pairs)["images"] == 90
    assert model.encode_text(["zzz qqq", "the red dog"]).shape == (2, 32)
    with pytest.raises(ModelError, match="precomputed image features"):
        model.encode_images([Image.new("RGB", (9, 9))])
    with pytest.raises(ModelError, match=r"\(n, 11\)"):
        model.encode_features(np.zeros((2, 7), np.float32))

    # The dictionary holds stop words, and no word that only held-out captions have.
    words = model.text.encoder[0]
    assert isinstance(words, WordEmbeddings)
    vocabulary = set(words.tokenizer.get_vocab())
    assert {"the", "a", "red", "dog"} <= vocabulary
    assert sum(f"no{i}" in vocabulary for i in range(90)) == 60


@pytest.mark.parametrize("loss", ["ranking", "hardest", "infonce", "sigmoid"])
def test_every_loss_learns(loss: str, features: Path, tmp_path: Path) -> None:
    config = LSTM.changed(loss=loss, folds=0, train_on="all", epochs=15)
    result = train(f"features:{features}", config, tmp_path / loss)
    assert result.metrics["text_to_image"]["r10"] > 60


def test_an_interrupted_run_ends_as_if_it_had_not_been(features: Path, tmp_path: Path) -> None:
    whole = train(f"features:{features}", LSTM, tmp_path / "whole")

    class Interrupted(Exception):
        pass

    def interrupt(done: int, total: int, what: str) -> None:
        if what == "training fold 2 of 3" and done > total / 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(f"features:{features}", LSTM, tmp_path / "halves", progress=interrupt)
    done_again: list[str] = []
    resumed = train(
        f"features:{features}",
        LSTM,
        tmp_path / "halves",
        resume=True,
        progress=lambda done, total, what: done_again.append(what),
    )
    assert "training fold 1 of 3" not in done_again
    assert resumed.folds == whole.folds
    assert [(r["fold"], r["epoch"], r["loss"]) for r in resumed.history] == [
        (r["fold"], r["epoch"], r["loss"]) for r in whole.history
    ]
    models = [JointEmbedding.load(result.model_dir) for result in (whole, resumed)]
    assert models[0].fingerprint == models[1].fingerprint


def test_resuming_with_other_settings_is_refused(features: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int, what: str) -> None:
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(f"features:{features}", LSTM, tmp_path, progress=interrupt)
    with pytest.raises(TrainingError, match=r"run with settings .* another --out"):
        train(f"features:{features}", LSTM.changed(seed=1), tmp_path, resume=True)


def test_training_stops_when_nothing_improves(features: Path, tmp_path: Path) -> None:
    config = LSTM.changed(folds=0, epochs=500, evaluate_every=1, patience=2)
    result = train(f"features:{features}", config, tmp_path)
    assert len(result.history) < 400


def test_data_without_captions_are_refused(tmp_path: Path) -> None:
    pairs = Pairs("x", ["a", "b"], [], np.zeros(0, np.int64), features=np.eye(2, dtype=np.float32))
    with pytest.raises(TrainingError, match="no captions to learn from"):
        train(pairs, LSTM, tmp_path)
