"""Several trained models folded into one: their towers side by side, in one longer vector.

An ensemble adds up the similarities of its members. So does the inner product of vectors that are
the members' vectors one after the other, and the result is one model of stock modules, which is
indexed, served, packed and trained on like any other.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sentence_transformers.base.modules import Module
from sentence_transformers.sentence_transformer.modules import Dense, Dropout, Pooling, Transformer
from torch import Tensor
from torch.nn import functional

from embedding.errors import ModelError
from embedding.model.ensemble import SideBySideModel
from embedding.model.joint import JointEmbedding
from embedding.model.towers import Tower, as_module
from embedding.model.vectors import Vectors

__all__ = ["join_models"]


def join_models(
    models: Sequence[JointEmbedding],
    texts: Sequence[str],
    features: Sequence[Vectors],
    *,
    name: str,
    dimension: int = 0,
) -> JointEmbedding:
    """Return one model whose similarities are about the mean of the members'.

    A member's vectors are not normalised before they are joined, only scaled to a mean length of
    1: how long a vector is says how sure its tower is, and a member that is sure counts for more
    (docs/experiments.md).

    Args:
        models: two or more of ours, all of whose encoders are transformers that read the same
            tokens and the same view of a picture; its size may differ.
        texts: captions, some hundreds at least; from them and from the pictures come the members'
            mean lengths and the directions that are kept.
        features: of each member (n, width), its image encoder's vectors of some hundred pictures.
        name: of the joined model.
        dimension: of the joint space; 0 means that of all members together. With fewer, the
            directions in which the samples vary most are kept (principal components).

    Raises:
        ModelError: there are fewer than two, or they cannot be joined; the message says why.
    """
    if len(models) < 2:
        raise ModelError(f"{len(models)} model cannot be joined; name at least two")
    for model in models:
        if not (model.is_ours and model.reads_images):
            raise ModelError(
                f"{model.name!r} cannot be joined: only models of `showtell train` that read "
                "texts and pictures can"
            )
    total = sum(model.dimension for model in models)
    if not 0 <= dimension <= total:
        raise ModelError(f"the dimension is {dimension}; the members have {total} together")
    samples = {"text": [model.encode_text_features(texts) for model in models], "image": features}
    towers = {
        side: Tower(
            _join_encoders([getattr(model, side).encoder for model in models], models),
            _join_heads([getattr(model, side) for model in models], samples[side]),
            sum(getattr(model, side).width for model in models),
        )
        for side in ("text", "image")
    }
    if dimension:
        projected = [
            towers[side].project(torch.from_numpy(np.concatenate(samples[side], axis=1)))
            for side in ("text", "image")
        ]
        _keep_directions([towers["text"], towers["image"]], projected, dimension)
    joined = JointEmbedding.from_towers(towers["text"], towers["image"], name=name)
    joined.info["members"] = [
        {"name": model.name, "training": model.info.get("training")} for model in models
    ]
    for key in ("data", "requests"):
        values = [model.info[key] for model in models if key in model.info]
        joined.info.update({key: values[0]} if values else {})
    return joined


def _join_encoders(
    encoders: Sequence[Sequence[Any]], models: Sequence[JointEmbedding]
) -> list[Module]:
    """Return one encoder: a transformer that holds the others, and their common pooling."""
    for encoder, model in zip(encoders, models, strict=True):
        kinds = [type(module) for module in encoder]
        if kinds != [Transformer, Pooling] or encoder[1].pooling_mode not in ("mean", ("mean",)):
            raise ModelError(
                f"{model.name!r} cannot be joined: each of its encoders must be a transformer "
                f"with its mean taken, this one is {', '.join(kind.__name__ for kind in kinds)}"
            )
    first = _reading(encoders[0][0])
    for encoder, model in zip(encoders[1:], models[1:], strict=True):
        if _reading(encoder[0]) != first:
            raise ModelError(
                f"{model.name!r} and {models[0].name!r} cannot be joined: they cut texts into "
                "tokens, or prepare pictures, in different ways"
            )
    reader = max((encoder[0] for encoder in encoders), key=_side)
    backbone = as_module(SideBySideModel.of([encoder[0].model for encoder in encoders]), reader)
    return [backbone, Pooling(backbone.get_embedding_dimension(), pooling_mode="mean")]


def _side(reader: Any) -> int:
    """Return the side of the pictures that an encoder takes, in pixels; 0 for texts."""
    return int(getattr(reader.model.config, "image_size", 0))


def _reading(reader: Any) -> tuple[object, ...]:
    """Return what decides how an encoder's input is made ready."""
    words: dict[str, int] = getattr(reader.tokenizer, "get_vocab", dict)()
    view = {} if words else {**reader.processor.to_dict(), "size": 0}
    return (words, str(view), reader.max_seq_length, reader.do_lower_case, reader.processing_kwargs)


def _join_heads(towers: Sequence[Tower], samples: Sequence[Vectors]) -> list[Module]:
    """Return one head that is each member's on its own part, the last layer scaled."""
    heads: list[list[Any]] = [tower.head for tower in towers]
    if len({tuple(type(module) for module in head) for head in heads}) > 1:
        raise ModelError("models whose heads have different layers cannot be joined")
    joined: list[Any] = []
    for layer in zip(*heads, strict=True):
        if isinstance(layer[0], Dense):
            joined.append(_join_layers(layer))
        elif isinstance(layer[0], Dropout):
            joined.append(Dropout(layer[0].dropout))
        else:
            raise ModelError(f"a head with a {type(layer[0]).__name__} cannot be joined")
    start = 0
    with torch.no_grad():
        for tower, head, sample in zip(towers, heads, samples, strict=True):
            length = tower.project(torch.from_numpy(sample)).norm(dim=1).mean()
            rows = slice(start, start := start + head[-1].out_features)
            joined[-1].linear.weight[rows] /= length
            joined[-1].linear.bias[rows] /= length
    return joined


@torch.no_grad()
def _keep_directions(towers: Sequence[Tower], samples: Sequence[Tensor], dimension: int) -> None:
    """Turn the joint space so that it is the main directions of both modalities' vectors."""
    units = [functional.normalize(sample, dim=1).double() for sample in samples]
    moments = sum(unit.T @ unit / len(unit) for unit in units)
    directions = torch.linalg.eigh(moments)[1][:, -dimension:].flip(1).T.float()
    for tower in towers:
        old: Any = tower.head[-1]
        new = Dense(old.in_features, dimension, activation_function=None)
        new.linear.weight.copy_(directions @ old.linear.weight)
        new.linear.bias.copy_(directions @ old.linear.bias)
        tower.head[-1] = new


def _join_layers(layers: Sequence[Any]) -> Dense:
    """Return one layer with the others' weights as blocks on its diagonal."""
    kinds = {(type(layer.activation_function), layer.use_residual, layer.bias) for layer in layers}
    widths = [(layer.in_features, layer.out_features) for layer in layers]
    total_in, total_out = (sum(sides) for sides in zip(*widths, strict=True))
    passes_through = [
        layer.use_residual and into == out
        for layer, (into, out) in zip(layers, widths, strict=True)
    ]
    if len(kinds) > 1 or (
        total_in == total_out and any(passes_through) and not all(passes_through)
    ):
        raise ModelError("models whose heads have different layers cannot be joined")
    joined = Dense(
        total_in,
        total_out,
        bias=layers[0].bias,
        activation_function=layers[0].activation_function,
        use_residual=layers[0].use_residual,
    )
    with torch.no_grad():
        joined.linear.weight.copy_(_diagonal([layer.linear.weight for layer in layers]))
        if joined.bias:
            joined.linear.bias.copy_(torch.cat([layer.linear.bias for layer in layers]))
        if hasattr(joined, "residual"):
            blocks = [
                torch.eye(into) if passes else layer.residual.weight
                for layer, (into, _), passes in zip(layers, widths, passes_through, strict=True)
            ]
            joined.residual.weight.copy_(_diagonal(blocks))
    return joined


def _diagonal(blocks: Sequence[Tensor]) -> Tensor:
    joined: Tensor = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
    return joined
