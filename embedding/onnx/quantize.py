"""int8: a text graph whose products are of whole numbers, a quarter of the size."""

import logging
from pathlib import Path

from embedding.onnx.description import Description
from embedding.onnx.encoder import TEXT

__all__ = ["quantize_text"]


def quantize_text(folder: Path) -> None:
    """Turn the text graph in a folder of graphs into int8; its vectors change a little.

    Each row of a weight has a step of its own, and what is multiplied with it is scaled as it
    comes. With weights of 7 bits, which cannot overflow where a processor has no VNNI, a model
    finds less there than with 8 (docs/experiments.md).
    """
    # Lazily: it brings the package onnx, which only this needs.
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = folder / TEXT
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # it advises, on the root logger
    try:
        quantize_dynamic(path, path, per_channel=True, weight_type=QuantType.QInt8)
    finally:
        logging.getLogger().setLevel(level)
    Description.read(folder).in_int8().write(folder)
