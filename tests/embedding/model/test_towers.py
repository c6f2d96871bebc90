"""Towers over other backbones, and the text head that starts from the encoder's geometry."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from embedding.errors import ModelError
from embedding.model.joint import JointEmbedding
from embedding.model.towers import feature_tower, image_tower, lstm_tower, text_tower
from tests.fixtures.foreign import make_vision_model
from tests.fixtures.models import build_model


def test_any_vision_backbone_can_be_the_image_tower(tmp_path: Path) -> None:
    make_vision_model(tmp_path / "vit")
    model = build_model(str(tmp_path / "vit"), dimension=24)
    model.save(tmp_path / "model", {})
    again = JointEmbedding.load(tmp_path / "model")
    images = [Image.effect_noise((50, 40), sigma) for sigma in (20, 90)]
    vectors = again.encode_images(images)
    assert vectors.shape == (2, 24)
    assert (vectors == model.encode_images(images)).all()
    assert again.encode_image_features(images).shape == (2, 32)


def test_any_text_model_can_be_the_text_tower(shapes_model_dir: Path) -> None:
    minilm = str(shapes_model_dir / "text_0_Transformer")
    tower = text_tower(minilm, 16, hidden=0, dropout=0.0)
    assert tower.width == 384


def test_a_model_of_the_wrong_kind_is_refused(tmp_path: Path, shapes_model_dir: Path) -> None:
    with pytest.raises(ModelError, match="does not read images"):
        image_tower("minilm", 16, hidden=0, dropout=0.0)
    with pytest.raises(ModelError, match="does not read text"):
        text_tower(str(shapes_model_dir / "image_0_Transformer"), 16, hidden=0, dropout=0.0)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded"):
        image_tower(str(tmp_path), 16, hidden=0, dropout=0.0)


def test_the_text_head_starts_with_the_encoders_similarities() -> None:
    model = build_model(dimension=512)
    texts = ["a dog", "a puppy", "a spreadsheet", "something sweet to eat", "cake"]
    sentences, joint = model.encode_sentences(texts), model.encode_text(texts)
    np.testing.assert_allclose(joint @ joint.T, sentences @ sentences.T, atol=1e-5)


def test_an_lstm_reads_the_last_word_and_not_the_padding() -> None:
    torch.manual_seed(0)
    captions = ["the red dog", "a cat sleeps on the mat, quietly"]
    tower = lstm_tower(captions, 8, words=12, hidden=16)
    model = JointEmbedding.from_towers(tower, feature_tower(4, 8), name="lstm")
    together = model.encode_text(["the red dog", captions[1]])
    np.testing.assert_allclose(together[0], model.encode_text(["The red DOG!"])[0], atol=1e-6)
    # Word order counts; unknown words are left out.
    assert np.abs(model.encode_text(["dog red the"]) - together[0]).max() > 1e-3
    np.testing.assert_allclose(model.encode_text(["the red xyz dog"])[0], together[0], atol=1e-6)
