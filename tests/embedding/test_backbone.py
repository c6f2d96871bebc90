"""EfficientNet-Lite0: its weights, its preprocessing, its BatchNorm."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel

from embedding.backbone import EfficientNetLiteImageProcessor, load_efficientnet_lite0
from embedding.towers import quiet_transformers
from tests.fixtures.models import draw_shape


@pytest.fixture(scope="module")
def backbone():
    return load_efficientnet_lite0()


def test_pixels_are_scaled_as_the_weights_expect() -> None:
    processor = EfficientNetLiteImageProcessor()
    images = [Image.new("RGB", (224, 224), (127, 255, 0)), Image.new("L", (500, 300), 127)]
    pixels = processor(images)["pixel_values"]
    assert pixels.shape == (2, 3, 224, 224)
    assert pixels[0, :, 0, 0].tolist() == [0.0, 1.0, -127 / 128]
    assert pixels[1].abs().max() == 0


def test_a_wide_picture_is_cropped_and_not_squeezed() -> None:
    image = Image.new("RGB", (400, 200), "red")
    image.paste("blue", (100, 0, 300, 200))
    pixels = np.asarray(EfficientNetLiteImageProcessor()(image)["pixel_values"][0])
    assert (pixels[2] > 0.9).all()  # the middle square only


def test_the_feature_map_is_a_sequence_of_places(backbone) -> None:
    with torch.inference_mode():
        drawings = [draw_shape("red", "star", 0), draw_shape("blue", "ring", 0)]
        pixels = EfficientNetLiteImageProcessor()(drawings)["pixel_values"]
        features = backbone(pixels).last_hidden_state
    assert features.shape == (2, 49, 1280)
    assert 0 <= features.min() <= features.max() <= 6  # after ReLU6
    assert features.max() > 1


def test_training_leaves_batch_norm_alone(backbone) -> None:
    before = {key: value.clone() for key, value in backbone.state_dict().items()}
    image = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        expected = backbone.eval()(image).last_hidden_state
        found = backbone.train()(image).last_hidden_state
    assert backbone.training
    assert (found == expected).all()
    assert all((before[key] == value).all() for key, value in backbone.state_dict().items())
    backbone.eval()


def test_auto_classes_load_it_without_trust(backbone, tmp_path) -> None:
    with quiet_transformers():
        backbone.save_pretrained(tmp_path)
        EfficientNetLiteImageProcessor(size=192).save_pretrained(tmp_path)
        again = AutoModel.from_pretrained(tmp_path).eval()
        processor = AutoImageProcessor.from_pretrained(tmp_path)
    assert processor.size == 192
    image = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        assert (again(image).last_hidden_state == backbone(image).last_hidden_state).all()
