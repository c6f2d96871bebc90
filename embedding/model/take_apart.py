"""Towers of a model that exists, to go on training from: our own, or anybody else's."""

from copy import deepcopy
from typing import Any

import torch
from sentence_transformers.base.modules import Module
from sentence_transformers.sentence_transformer.modules import (
    Dense,
    Dropout,
    Normalize,
    Pooling,
    Router,
)
from torch import nn

from embedding.errors import ModelError
from embedding.model.efficientnet import EfficientNetLiteConfig, EfficientNetLiteModel
from embedding.model.ensemble import SideBySideModel
from embedding.model.joint import JointEmbedding
from embedding.model.towers import Tower, as_module, as_picture_module

__all__ = ["encoders_of_network", "identity_head", "towers_of"]


def towers_of(model: JointEmbedding, *, dropout: float = 0.0) -> tuple[Tower, Tower]:
    """Return the text tower and the image tower of a model, as it is before any training.

    A model of ours comes with its own heads. Of any other text+image model, each side becomes an
    encoder as wide as its joint space, with a head that changes nothing yet; its prompts, which
    go before every text, are not taken along. The sides are copies and share no weights, so a
    module that reads both is saved with each of them.

    Args:
        model: any that reads both texts and pictures.
        dropout: share of hidden values dropped in the heads of a foreign model, in [0, 1).

    Raises:
        ModelError: it cuts its vectors short.
    """
    if model.is_ours:
        return model.text, model.image
    if getattr(model.module, "truncate_dim", None):
        raise ModelError(
            f"{model.name!r} cuts its vectors short; save it without truncate_dim first"
        )
    text, image = (
        Tower(encoder, identity_head(model.dimension, dropout), model.dimension)
        for encoder in (_side(model.module, "text"), _side(model.module, "image"))
    )
    return text, image


def identity_head(width: int, dropout: float) -> list[Module]:
    """Return a residual head of ``width`` to ``width`` numbers that changes nothing yet.

    Its hidden layer adds nothing at first, but its gradient is not zero: it learns.
    """
    hidden = Dense(width, width, activation_function=nn.GELU(), use_residual=True)
    last = Dense(width, width, activation_function=None)
    nn.init.zeros_(hidden.linear.weight)
    nn.init.zeros_(hidden.linear.bias)
    with torch.no_grad():
        last.linear.weight.copy_(torch.eye(width))
    nn.init.zeros_(last.linear.bias)
    return [hidden, Dropout(dropout), last]


def encoders_of_network(
    model: JointEmbedding, network: str, *, image_size: int = 0
) -> tuple[list[Module], list[Module]]:
    """Return the text encoder and the image encoder of one network of a model of several.

    Of a joined model the text encoder is that of the member that holds the network: the two have
    learned together. Both are copies, without their heads.

    Args:
        model: one of ours.
        network: one of its EfficientNet-Lites by name, the first where it has two of them.
        image_size: side of the network's input in pixels; 0 means as it is in the model.

    Raises:
        ModelError: it has no such network.
    """
    reader: Any = model.image.encoder[0] if model.is_ours and model.image.encoder else None
    members = _members(getattr(reader, "model", None))
    held = [
        (number, variant, part, side)
        for number, member in enumerate(members)
        if isinstance(member, EfficientNetLiteModel)
        for variant, part, side in zip(
            member.config.variant.split("+"), member.networks, member.sides, strict=True
        )
    ]
    for number, variant, part, side in held:
        if variant == network:
            alone = EfficientNetLiteModel(
                EfficientNetLiteConfig(
                    variant=variant,
                    image_size=image_size or side,
                    folded=members[number].config.folded,
                )
            )
            alone.network.load_state_dict(part.state_dict())
            image = as_picture_module(alone, reader.processor.fit)
            width = alone.config.hidden_size
            return _member_text(model, number), [image, Pooling(width, pooling_mode="mean")]
    names = ", ".join(variant for _, variant, _, _ in held) or "none of EfficientNet-Lite"
    raise ModelError(f"{model.name!r} has no image network {network!r}; it has {names}")


def _member_text(model: JointEmbedding, number: int) -> list[Module]:
    """Return a copy of the text encoder that learned with a member's networks."""
    encoder: list[Any] = deepcopy(model.text.encoder)
    members = _members(getattr(encoder[0], "model", None))
    if len(members) < 2:
        return encoder
    alone = as_module(members[number], encoder[0])
    return [alone, Pooling(alone.get_embedding_dimension(), pooling_mode="mean")]


def _members(backbone: Any) -> list[Any]:
    """Return the models that look or read side by side, or the one there is."""
    return list(backbone.members) if isinstance(backbone, SideBySideModel) else [backbone]


def _side(model: Any, modality: str) -> list[Module]:
    """Return copies of the modules that one modality passes, up to the last normalisation."""
    modules = list(model)
    first: Any = modules[0]
    if isinstance(first, Router):
        route = first.route_mappings.get((None, modality), modality)
        modules[:1] = list(first.sub_modules[route])  # type: ignore[call-overload]
    # The head sees vectors before normalisation, as those of our own towers do.
    while isinstance(modules[-1], Normalize):
        modules.pop()
    return deepcopy(modules)
