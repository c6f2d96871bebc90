"""From torch modules to ONNX files."""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from sentence_transformers.sentence_transformer.modules import LSTM
from torch import Tensor, nn

from embedding.errors import ModelError
from embedding.model.joint import JointEmbedding
from embedding.onnx.encoder import FEATURES, VECTORS

__all__ = ["HeadGraph", "ImageGraph", "TextGraph", "write_graph"]

_OPSET = 20
"""The first with GELU as one operation."""
_ONE_FILE = 1_500_000_000
"""Weights of more bytes lie in a file of their own: the graph's own may not be over 2 GB."""


class TextGraph(nn.Module):
    """The text side of a model as one function of tokens.

    Args:
        model: whose side.
        constants: what its modules are told besides tensors.
    """

    def __init__(self, model: JointEmbedding, constants: Mapping[str, object]) -> None:
        super().__init__()
        self.outputs = (FEATURES, VECTORS) if model.is_ours else (VECTORS,)
        self.encoder = nn.ModuleList(model.text.encoder if model.is_ours else [model.module])
        self.head = nn.ModuleList(model.text.head if model.is_ours else ())
        self.most = getattr(model.module, "truncate_dim", None)
        self.constants = dict(constants)

    def forward(self, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """Return what ``outputs`` names, each (n, any)."""
        sentences = _through(self.encoder, {**inputs, **self.constants})["sentence_embedding"]
        if len(self.outputs) == 1:
            return (sentences[:, : self.most],)
        return sentences, _through(self.head, {"sentence_embedding": sentences})[
            "sentence_embedding"
        ]


class ImageGraph(nn.Module):
    """The image encoder of a model as one function of pixels; arguments as of ``TextGraph``."""

    outputs = (FEATURES,)

    def __init__(self, model: JointEmbedding, constants: Mapping[str, object]) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(model.image.encoder if model.is_ours else [model.module])
        self.most = None if model.is_ours else getattr(model.module, "truncate_dim", None)
        self.constants = dict(constants)

    def forward(self, inputs: dict[str, Tensor]) -> tuple[Tensor]:
        """Return the encoder's own vectors (n, width)."""
        features = _through(self.encoder, {**inputs, **self.constants})
        return (features["sentence_embedding"][:, : self.most],)


class HeadGraph(nn.Module):
    """The head of a model's image tower as one function of its encoder's vectors."""

    outputs = (VECTORS,)

    def __init__(self, model: JointEmbedding) -> None:
        super().__init__()
        self.head = nn.ModuleList(model.image.head)

    def forward(self, inputs: dict[str, Tensor]) -> tuple[Tensor]:
        """Return joint vectors (n, dimension), not normalised."""
        features = {"sentence_embedding": inputs[FEATURES]}
        return (_through(self.head, features)["sentence_embedding"],)


def write_graph(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    path: Path,
    *,
    outputs: Sequence[str],
    varying: Sequence[int],
) -> None:
    """Write a module as an ONNX file.

    Args:
        module: takes one dictionary of tensors and returns a tuple.
        inputs: an example of at least two rows.
        path: where to.
        outputs: names of what it returns.
        varying: which dimensions of the inputs vary: 0 is the number of rows.

    Raises:
        ModelError: the exporter does not know what the module does.
    """
    size = sum(p.numel() * p.element_size() for p in module.parameters())
    shapes = {name: dict.fromkeys(varying, torch.export.Dim.DYNAMIC) for name in inputs}
    with _ready_for_export(module):
        try:
            program = torch.export.export(
                module, (dict(inputs),), dynamic_shapes=(shapes,), strict=False
            )
            torch.onnx.export(
                program,
                (),
                path,
                dynamo=True,
                input_names=list(inputs),
                output_names=list(outputs),
                opset_version=_OPSET,
                external_data=size > _ONE_FILE,
                verbose=False,
            )
        except Exception as error:
            # Whatever the exporter trips over; what cannot be written runs in torch.
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(f"it cannot be written as an ONNX graph ({why})") from error


def _through(modules: nn.ModuleList, features: dict[str, Any]) -> dict[str, Any]:
    for module in modules:
        if isinstance(module, LSTM) and not module.bidirectional:
            features["token_embeddings"] = _lstm(module, features["token_embeddings"])
        else:
            features = module(features)
    return features


def _lstm(module: LSTM, tokens: Tensor) -> Tensor:
    """Return an LSTM's states (n, tokens, hidden), without packing.

    What is read of each text lies before its padding, so that the padding does not matter. Torch
    would write the steps one by one, for one number of tokens; ONNX has one operation for all.
    """
    if not torch.compiler.is_exporting():
        states: Tensor = module.encoder(tokens)[0]
        return states
    states = tokens.transpose(0, 1)
    for layer in range(module.num_layers):
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        gates = [getattr(module.encoder, f"{kind}_l{layer}").chunk(4) for kind in kinds]
        # Torch has them in the order input, forget, cell, output; ONNX input, output, forget, cell.
        inner, outer, *biases = (torch.cat([gate[i] for i in (0, 3, 1, 2)]) for gate in gates)
        length, rows, _ = states.shape
        states = torch.onnx.ops.symbolic(
            "LSTM",
            (states, inner[None], outer[None], torch.cat(biases)[None]),
            {"hidden_size": module.hidden_dim},
            dtype=tokens.dtype,
            shape=(length, 1, rows, module.hidden_dim),
        ).squeeze(1)
    return states.transpose(0, 1)


@contextmanager
def _ready_for_export(module: nn.Module) -> Iterator[None]:
    """Let a module compute with operations that have an ONNX form, and the exporter be quiet."""
    models: list[Any] = [
        part for part in module.modules() if hasattr(part, "set_attn_implementation")
    ]
    before = [part.config._attn_implementation for part in models]
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    levels = [logger.level for logger in loggers]
    fast = torch.backends.mha.get_fastpath_enabled()
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        for part in models:
            part.set_attn_implementation("eager")
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        for part, implementation in zip(models, before, strict=True):
            part.set_attn_implementation(implementation)
        torch.backends.mha.set_fastpath_enabled(fast)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
