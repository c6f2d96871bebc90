"""int8: a text graph whose products are of whole numbers, a quarter of the size."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedding.onnx.description import Description
from embedding.onnx.encoder import TEXT

__all__ = ["IN_INT8", "quantize_products", "quantize_text"]

_BLOCK, _BITS = 32, 8
IN_INT8 = 4
"""`accuracy_level` of a product: what is multiplied with the weights is in int8 as well."""


def quantize_text(folder: Path) -> None:
    """Turn the text graph in a folder of graphs into int8; its vectors change a little.

    Each row of a weight has a step of its own, and what is multiplied with it is scaled as it
    comes. With weights of 7 bits, which cannot overflow where a processor has no VNNI, a model
    finds less there than with 8 (docs/experiments.md).
    """
    # Lazily: it brings the package onnx, which only this needs.
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = folder / TEXT
    with _without_advice(""):
        quantize_dynamic(path, path, per_channel=True, weight_type=QuantType.QInt8)
    Description.read(folder).in_int8().write(folder)


def quantize_products(folder: Path) -> None:
    """Turn the products of the text graph into int8; its vectors hardly change.

    Each 32 numbers of a weight, and of what is multiplied with it, have a step of their own. The
    table of words stays as it is. A single text takes a third of the time, and a twentieth of the
    error that ``quantize_text`` makes; in large batches it gains little, and the file is larger.
    """
    # Lazily: as above.
    import onnx
    from onnxruntime.quantization import matmul_nbits_quantizer as by_blocks

    path = folder / TEXT
    how = by_blocks.DefaultWeightOnlyQuantConfig(
        block_size=_BLOCK, is_symmetric=True, accuracy_level=IN_INT8, bits=_BITS
    )
    with _without_advice(by_blocks.__name__):
        quantizer = by_blocks.MatMulNBitsQuantizer(onnx.load(path), algo_config=how)
        quantizer.process()
    quantizer.model.save_model_to_file(str(path))
    Description.read(folder).in_int8("in blocks").write(folder)


@contextmanager
def _without_advice(logger: str) -> Iterator[None]:
    """Keep a logger, or the root one, from telling what is done to each node of a graph."""
    speaking = logging.getLogger(logger)
    level = speaking.level
    speaking.setLevel(logging.ERROR)
    try:
        yield
    finally:
        speaking.setLevel(level)
