"""How a sentence-transformers model reads texts and pictures, so that it can be done without it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from sentence_transformers.sentence_transformer.modules import Router
from sentence_transformers.sentence_transformer.modules.tokenizer import WhitespaceTokenizer
from torch import Tensor

from embedding.errors import ModelError
from embedding.model.efficientnet import EfficientNetLiteImageProcessor
from embedding.model.joint import JointEmbedding
from embedding.onnx.pictures import Cropped, PictureInput, Square
from embedding.onnx.texts import TOKENIZER, WORDS

__all__ = ["Example", "example_of", "prompt_of", "view_of", "write_reader"]

_READ = {"input_ids", "attention_mask", "token_type_ids", "pixel_values"}
_COMPUTED = {"sentence_lengths"}
"""What the graph works out by itself."""


class Example:
    """What a model makes of some texts or pictures.

    Attributes:
        tensors: the inputs of its graph.
        constants: what else its modules are told.
    """

    def __init__(self, inputs: dict[str, Any]) -> None:
        given = {name: value for name, value in inputs.items() if isinstance(value, Tensor)}
        self.tensors = {name: tensor for name, tensor in given.items() if name in _READ}
        self.constants = {name: value for name, value in inputs.items() if name not in given}
        strange = given.keys() - _READ - _COMPUTED
        if strange or not self.tensors:
            raise ModelError(f"its input {', '.join(sorted(strange)) or 'is'} is not understood")


def example_of(model: JointEmbedding, items: Sequence[str] | Sequence[Image.Image]) -> Example:
    """Return what a model makes of texts, or of pictures.

    Raises:
        ModelError: it takes inputs that only its own classes can make.
    """
    return Example(model.preprocess(items))


def write_reader(model: JointEmbedding, directory: Path) -> bool:
    """Write what is needed to read texts as the model does; return whether lengths vary.

    Raises:
        ModelError: its tokenizer is of a kind that is not known here.
    """
    first = _first(model, "text")
    tokenizer = getattr(first, "tokenizer", None)
    if isinstance(tokenizer, WhitespaceTokenizer):
        if tokenizer.stop_words or not tokenizer.do_lower_case:
            raise ModelError("its tokenizer drops stop words or keeps capital letters")
        settings = {"words": list(tokenizer.word2idx), "most": first.max_seq_length}
        (directory / WORDS).write_text(json.dumps(settings), encoding="utf-8")
        return True
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(f"its tokenizer, {type(tokenizer).__name__}, has no fast form")
    # The tokenizer library remembers how it was last asked to cut and to pad.
    model.preprocess(["a text"])
    (directory / TOKENIZER).write_text(backend.to_str(), encoding="utf-8")
    return backend.padding is None or backend.padding.get("length") is None


def prompt_of(model: JointEmbedding) -> str:
    """Return what goes before every text."""
    module: Any = model.module
    name = module.default_prompt_name
    return str(module.prompts.get(name) or "") if name else ""


def view_of(model: JointEmbedding) -> PictureInput:
    """Return how the model looks at a picture.

    Raises:
        ModelError: its processor does what is not known here.
    """
    processor: Any = getattr(_first(model, "image"), "processor", None)
    processor = getattr(processor, "image_processor", processor)
    if isinstance(processor, EfficientNetLiteImageProcessor):
        return Square(side=processor.size, fit=processor.fit)
    does = {step: getattr(processor, f"do_{step}", None) for step in _STEPS}
    if does["pad"] or not any(does.values()):
        raise ModelError(f"its image processor, {type(processor).__name__}, is not known")
    size, crop = _sizes(processor, "size"), _sizes(processor, "crop_size")
    resized, cropped = does["resize"], does["center_crop"]
    return Cropped(
        shortest=size.get("shortest_edge") if resized else None,
        size=_height_width(size) if resized else None,
        resample=int(processor.resample if processor.resample is not None else 2),
        crop=_height_width(crop) if cropped else None,
        scale=processor.rescale_factor if does["rescale"] else 1.0,
        mean=tuple(processor.image_mean) if does["normalize"] else (0.0, 0.0, 0.0),
        deviation=tuple(processor.image_std) if does["normalize"] else (1.0, 1.0, 1.0),
    )


_STEPS = ("resize", "center_crop", "rescale", "normalize", "pad")


def _sizes(processor: Any, name: str) -> dict[str, int]:
    value = getattr(processor, name, None)
    return {key: side for key, side in dict(value or {}).items() if side is not None}


def _height_width(size: dict[str, int]) -> tuple[int, int] | None:
    return (size["height"], size["width"]) if "height" in size else None


def _first(model: JointEmbedding, modality: str) -> Any:
    """Return the module that reads a modality."""
    module: Any = model.module
    first = module[0]
    if isinstance(first, Router):
        route = first.route_mappings.get((None, modality), modality)
        return first.sub_modules[route][0]  # type: ignore[index]
    return first
