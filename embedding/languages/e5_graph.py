"""multilingual-e5-small as an ONNX graph, and its tokenizer, from the package's own file.

The graph keeps the 4 bits of the file: ONNX Runtime multiplies with them as they are (MatMulNBits,
whole numbers times whole numbers). So the model takes 95 MB on the disk and is written in seconds,
without torch.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper, save
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from embedding.languages.e5_file import BLOCK, E5Weights
from embedding.onnx.quantize import IN_INT8

__all__ = ["LAYERS", "TOKENS", "write_graph", "write_tokenizer"]

TOKENS = "tokens"
"""The output: the vectors of each token, (n, t, width of all `LAYERS`)."""
LAYERS = (8, 12)
"""Whose tokens stand side by side: what a word is, and what it means in its sentence."""

_MOST_TOKENS = 128
"""A request is no longer; the model could read 512."""
_CONTRIB = "com.microsoft"
_INPUTS = ("input_ids", "attention_mask")


def write_graph(weights: E5Weights, path: Path) -> None:
    """Write the graph: numbers of tokens (n, t) and their mask -> `TOKENS`."""
    save(_Writer(weights).model(), path)


def write_tokenizer(weights: E5Weights, path: Path) -> None:
    """Write the tokenizer of XLM-RoBERTa in the form of the library `tokenizers`."""
    special = weights.specials
    begin, end, pad = (weights.pieces[special[name]][0] for name in ("begin", "end", "pad"))
    tokenizer = Tokenizer(models.Unigram(weights.pieces, unk_id=special["unknown"]))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        special_tokens=[(begin, special["begin"]), (end, special["end"])],
    )
    tokenizer.enable_padding(pad_id=special["pad"], pad_token=pad)
    tokenizer.enable_truncation(_MOST_TOKENS)
    tokenizer.save(str(path), pretty=False)


class _Writer:
    """Writes the nodes of the encoder one after the other."""

    def __init__(self, weights: E5Weights) -> None:
        self._weights = weights
        self._nodes: list[NodeProto] = []
        self._tensors: list[TensorProto] = []

    def model(self) -> ModelProto:
        """Return the whole graph."""
        x = self._embedded()
        mask = self._node("Cast", ["attention_mask"], to=TensorProto.INT32)
        layers = [x]
        for layer in range(self._weights.layers):
            layers.append(x := self._layer(x, mask, f"l{layer}"))
        kept = [layers[min(layer, self._weights.layers)] for layer in LAYERS]
        self._node("Concat", kept, output=TOKENS, axis=2)
        sizes = ["texts", "tokens"]
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, sizes) for name in _INPUTS]
        width = len(LAYERS) * self._weights.width
        output = helper.make_tensor_value_info(TOKENS, TensorProto.FLOAT, [*sizes, width])
        graph = helper.make_graph(self._nodes, "e5", inputs, [output], self._tensors)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(_CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def _embedded(self) -> str:
        """The sum of what a token, its place and its kind add, normalised."""
        weights = self._weights
        words = weights.matrices["emb.word"]
        table = self._constant("emb.word", words.nibbles())
        scales = self._constant("emb.word.scales", words.scales)
        word = self._node(
            "GatherBlockQuantized",
            [table, "input_ids", scales],
            domain=_CONTRIB,
            gather_axis=0,
            quantize_axis=1,
            block_size=BLOCK,
            bits=4,
        )
        places = weights.vectors["emb.pos"].reshape(-1, weights.width)[:_MOST_TOKENS]
        kind = weights.vectors["emb.type"][: weights.width]  # of a text that is no second one
        place = self._constant("emb.pos", places + kind)
        shape = self._node("Shape", ["input_ids"], start=1, end=2)
        start = self._constant("zero", np.array([0], np.int64))
        added = self._node("Add", [word, self._node("Slice", [place, start, shape])])
        return self._normalised(added, "emb.ln")

    def _layer(self, x: str, mask: str, name: str) -> str:
        query, key, value = (self._product(x, f"{name}.{part}") for part in ("q", "k", "v"))
        attended = self._node(
            "MultiHeadAttention",
            [query, key, value, "", mask],
            domain=_CONTRIB,
            num_heads=self._weights.heads,
        )
        x = self._node("Add", [x, self._product(attended, f"{name}.ao")])
        x = self._normalised(x, f"{name}.aln")
        inner = self._node("Gelu", [self._product(x, f"{name}.fi")], domain=_CONTRIB)
        x = self._node("Add", [x, self._product(inner, f"{name}.fo")])
        return self._normalised(x, f"{name}.oln")

    def _product(self, x: str, name: str) -> str:
        matrix = self._weights.matrices[f"{name}.w"]
        rows, columns = matrix.steps.shape
        blocks = matrix.nibbles().reshape(rows, columns // BLOCK, BLOCK // 2)
        weights = self._constant(f"{name}.w", blocks)
        scales = self._constant(f"{name}.scales", matrix.scales)
        bias = self._constant(f"{name}.b", self._weights.vectors[f"{name}.b"])
        return self._node(
            "MatMulNBits",
            [x, weights, scales, "", "", bias],
            domain=_CONTRIB,
            K=columns,
            N=rows,
            bits=4,
            block_size=BLOCK,
            accuracy_level=IN_INT8,
        )

    def _normalised(self, x: str, name: str) -> str:
        scale = self._constant(f"{name}.w", self._weights.vectors[f"{name}.w"])
        bias = self._constant(f"{name}.b", self._weights.vectors[f"{name}.b"])
        return self._node(
            "LayerNormalization", [x, scale, bias], epsilon=self._weights.epsilon, axis=-1
        )

    def _constant(self, name: str, values: NDArray[np.generic]) -> str:
        self._tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _node(
        self,
        kind: str,
        inputs: list[str],
        *,
        output: str = "",
        domain: str = "",
        **settings: Any,
    ) -> str:
        output = output or f"x{len(self._nodes)}"
        node = helper.make_node(kind, inputs, [output], domain=domain, **settings)
        self._nodes.append(node)
        return output
