"""Views of pictures are those of the classes that the models came with."""

import numpy as np
import pytest
from PIL import Image
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from embedding.model.efficientnet import EfficientNetLiteImageProcessor
from embedding.onnx.pictures import Cropped, Square

SIZES = [(640, 427), (250, 427), (90, 60), (31, 200)]
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def picture(size: tuple[int, int]) -> Image.Image:
    """Return noise of a few large spots."""
    spots = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(spots).resize(size, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fit", ["crop", "squash"])
def test_square(size: tuple[int, int], fit: str) -> None:
    expected = EfficientNetLiteImageProcessor(64, fit).preprocess(picture(size))["pixel_values"]
    np.testing.assert_array_equal(Square(side=64, fit=fit).read([picture(size)]), expected)


@pytest.mark.parametrize("size", SIZES)
def test_shortest_side_then_the_middle(size: tuple[int, int]) -> None:
    clip = CLIPImageProcessorPil()
    view = Cropped(
        shortest=224, resample=3, crop=(224, 224), scale=1 / 255, mean=MEAN, deviation=DEVIATION
    )
    expected = clip(picture(size), return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(view.read([picture(size)]), expected, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_the_whole_picture_made_to_fit(size: tuple[int, int]) -> None:
    vit = ViTImageProcessorPil(size={"height": 48, "width": 32})
    view = Cropped(size=(48, 32), resample=2, scale=1 / 255, mean=(0.5,) * 3, deviation=(0.5,) * 3)
    expected = vit(picture(size), return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(view.read([picture(size)]), expected, atol=1e-5)


def test_a_picture_smaller_than_the_crop_stands_on_black() -> None:
    clip = CLIPImageProcessorPil(do_resize=False, crop_size={"height": 50, "width": 70})
    view = Cropped(crop=(50, 70), scale=1 / 255, mean=MEAN, deviation=DEVIATION)
    expected = clip(picture((41, 37)), return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(view.read([picture((41, 37))]), expected, atol=1e-5)
