"""A map of text vectors made part of what makes them: the last layer of a head."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from sentence_transformers.sentence_transformer.modules import Dense
from torch import nn

from embedding.adaptation.text_map import TextMap
from embedding.errors import ModelError
from embedding.languages.head import HEAD_FILE, Head
from embedding.model.joint import JointEmbedding
from embedding.model.take_apart import towers_of

__all__ = ["map_languages", "map_texts"]


def map_texts(model: JointEmbedding, text_map: TextMap, *, name: str) -> JointEmbedding:
    """Return a model whose texts are mapped; it shares modules with the one given, or copies them.

    The map is linear and texts are normalised behind it, so it goes into the last layer of the
    text head, and the model has the modules that it had. One of another maker gets heads of its
    own, which change nothing but that.

    Args:
        model: any that reads both texts and pictures; do not use it afterwards.
        text_map: of its dimension.
        name: of the mapped model.

    Raises:
        ModelError: its text head does not end with a linear layer.
    """
    text, image = towers_of(model)
    last: Any = text.head[-1] if text.head else None
    if not isinstance(last, Dense) or not isinstance(last.activation_function, nn.Identity):
        raise ModelError(f"the text head of {model.name!r} does not end with a linear layer")
    turn = torch.from_numpy(text_map.matrix).T
    with torch.no_grad():
        last.linear.weight.copy_(turn @ last.linear.weight)
        if last.linear.bias is not None:
            last.linear.bias.copy_(turn @ last.linear.bias)
    mapped = JointEmbedding.from_towers(text, image, name=name)
    mapped.info = {**model.info, **mapped.info}
    return mapped


def map_languages(source: Path, target: Path, text_map: TextMap) -> None:
    """Write the head for other languages of a model directory, if it has one, with the map in it.

    Raises:
        ModelError: it is damaged.
    """
    if not (source / HEAD_FILE).is_file():
        return
    head = Head.load(source / HEAD_FILE)
    matrix = text_map.matrix
    mapped = replace(head, outer=head.outer @ matrix, outer_bias=head.outer_bias @ matrix)
    mapped.save(target / HEAD_FILE)
