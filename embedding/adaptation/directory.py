"""The directory of a model whose texts are mapped: what did not change is copied."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from embedding.adaptation.heads import map_languages, map_texts
from embedding.adaptation.text_map import TextMap
from embedding.model.joint import JointEmbedding
from embedding.onnx.description import FOLDER, is_exported
from embedding.onnx.export import export_model, export_texts

__all__ = ["write_mapped"]

_MARK = "-adapted"


def write_mapped(source: Path, target: Path, text_map: TextMap, info: Mapping[str, object]) -> None:
    """Write a model whose texts are mapped: weights, graphs, and the head for other languages.

    Its typical requests are of the other model and are not among them.

    Args:
        source: of the model as it is.
        target: where to; it is made.
        text_map: of its dimension.
        info: for showtell.json, as JSON values.

    Raises:
        ModelError: it cannot be mapped, or its graphs do not agree with it.
    """
    model = JointEmbedding.load(source)
    looks_the_same = model.is_ours
    mapped = map_texts(model, text_map, name=model.name.removesuffix(_MARK) + _MARK)
    mapped.save(target, info)
    map_languages(source, target, text_map)
    if not is_exported(source):
        return  # it runs in torch, and so does this one
    if looks_the_same:
        # Pictures take most of the time, and most of the place: their graphs stay as they are.
        shutil.copytree(source / FOLDER, target / FOLDER)
        export_texts(mapped, target)
    else:
        export_model(mapped, target)
