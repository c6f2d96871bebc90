"""Export: a model's graphs beside its weights, each compared with torch on real inputs."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor

from embedding.errors import ModelError
from embedding.model.files import replaced_directory
from embedding.model.joint import JointEmbedding
from embedding.model.vectors import unit
from embedding.onnx.description import FOLDER, Description
from embedding.onnx.encoder import FEATURES, IMAGE, IMAGE_HEAD, TEXT, open_graph
from embedding.onnx.graphs import HeadGraph, ImageGraph, TextGraph, write_graph
from embedding.onnx.inputs import example_of, prompt_of, view_of, write_reader
from embedding.onnx.quantize import quantize_products, quantize_text
from embedding.onnx.texts import load_reader

__all__ = ["IN_BLOCKS", "LEAST_COSINE", "export_model", "export_texts"]

IN_BLOCKS = "int8 in blocks"
"""What showtell.json says of a text graph that ``quantize_products`` is to work on."""
LEAST_COSINE = 0.9999
"""Vectors of a graph and of torch agree at least so well, or the graph is refused."""
_SAME_PIXELS = 1e-3

_TEXTS = (
    "a dog",
    "Two children in red coats play with a ball on the beach, and a dog looks on.",
    "something sweet to eat",
    "",
    "¿Dónde está la montaña? 山 🍰 http://example.org/picture.png",
    "an old man who reads a newspaper " * 40,
)


def export_model(model: JointEmbedding, directory: Path) -> None:
    """Write a model's graphs into the folder `onnx` of its directory.

    Args:
        model: any that reads texts, or pictures, or both. Its showtell.json says whether its
            texts are encoded in int8 (see embedding.evaluation.precision), or in blocks of it.
        directory: where its weights lie.

    Raises:
        ModelError: it does what has no ONNX form here, or its graphs do not agree with torch; the
            message says what. Nothing is left behind then.
    """
    with _folder(directory, model.name) as folder:
        agreement: dict[str, float] = {}
        if model.reads_texts:
            agreement["text"] = _export_text(model, folder)
        view = view_of(model) if model.reads_images else None
        if view is not None:
            pictures = _pictures()
            example = example_of(model, pictures)
            pixels = example.tensors["pixel_values"]
            difference = float(np.abs(view.read(pictures) - pixels.numpy()).max())
            if difference > _SAME_PIXELS:
                raise ModelError(f"its pictures are prepared differently ({difference:.3g} off)")
            graph = ImageGraph(model, example.constants)
            agreement["image"] = _write(graph, example.tensors, folder / IMAGE, (0,))
        if model.is_ours:
            rows = torch.randn(8, model.image.width, generator=torch.Generator().manual_seed(0))
            _write(HeadGraph(model), {FEATURES: rows}, folder / IMAGE_HEAD, (0,))
        Description(
            name=model.name,
            dimension=model.dimension,
            fingerprint=model.fingerprint,
            image_fingerprint=model.image_fingerprint,
            text="float32" if model.reads_texts else None,
            image="float32" if view else None,
            has_heads=model.is_ours,
            width=model.image.width if model.is_ours else model.dimension,
            prompt=prompt_of(model),
            view=view,
            agreement=agreement,
        ).write(folder)
        _set_precision(model, folder)


def export_texts(model: JointEmbedding, directory: Path) -> None:
    """Write the text graph of a model anew, beside graphs of pictures that are as they were.

    Args:
        model: one of ours, whose image side those graphs show.
        directory: where its weights and graphs lie.

    Raises:
        ModelError: as ``export_model``.
    """
    folder = directory / FOLDER
    before = Description.read(folder)
    try:
        agreement = {**before.agreement, "text": _export_text(model, folder)}
    except ModelError as error:
        raise ModelError(f"the model {model.name!r} cannot be exported: {error}") from error
    changes = {"name": model.name, "fingerprint": model.fingerprint, "agreement": agreement}
    before.model_copy(update={**changes, "text": "float32"}).write(folder)
    _set_precision(model, folder)


def _set_precision(model: JointEmbedding, folder: Path) -> None:
    """Turn the text graph in a folder into what the model's showtell.json says."""
    precision = model.info.get("onnx", {}).get("text")
    if precision == "int8":
        quantize_text(folder)
    elif precision == IN_BLOCKS:
        quantize_products(folder)


@contextmanager
def _folder(directory: Path, name: str) -> Iterator[Path]:
    """Give an empty folder that becomes the model's folder of graphs at the end, or never."""
    try:
        with replaced_directory(directory / FOLDER) as folder:
            yield folder
    except ModelError as error:
        raise ModelError(f"the model {name!r} cannot be exported: {error}") from error
    except OSError as error:
        raise ModelError(
            f"the graphs of the model {name!r} cannot be written to {directory} "
            f"({error.strerror}); name a folder that can be written with SHOWTELL_DATA_DIR"
        ) from error


def _export_text(model: JointEmbedding, folder: Path) -> float:
    varies = write_reader(model, folder)
    example = example_of(model, _TEXTS)
    read = load_reader(folder, prompt_of(model)).read(_TEXTS)
    for name, tensor in example.tensors.items():
        if name not in read or not np.array_equal(read[name], tensor.numpy()):
            raise ModelError(f"its texts are prepared differently ({name} differs)")
    graph = TextGraph(model, example.constants)
    return _write(graph, example.tensors, folder / TEXT, (0, 1) if varies else (0,))


def _write(
    module: TextGraph | ImageGraph | HeadGraph,
    inputs: dict[str, Tensor],
    path: Path,
    varying: tuple[int, ...],
) -> float:
    """Write a graph; return the least cosine between its vectors and torch's.

    Raises:
        ModelError: it has no graph, or one that does not agree.
    """
    module.train(False)
    write_graph(module, inputs, path, outputs=module.outputs, varying=varying)
    with torch.inference_mode():
        expected = [vectors.numpy() for vectors in module(inputs)]
    session = open_graph(path)
    given = {one.name: inputs[one.name].numpy() for one in session.get_inputs()}
    agreed = 1.0
    for vectors, reference in zip(session.run(list(module.outputs), given), expected, strict=True):
        lengths = np.linalg.norm(reference, axis=1)
        cosines = (unit(vectors) * unit(reference)).sum(axis=1)
        # A vector of zeros, of a text without a known word, has no direction to agree on.
        agreed = min(agreed, float(cosines[lengths > 0].min(initial=1.0)))
    if not agreed >= LEAST_COSINE:
        raise ModelError(f"{path.name} agrees with torch to a cosine of {agreed:.5f} only")
    return round(agreed, 6)


def _pictures() -> list[Image.Image]:
    """Return photographs: wide, upright, and smaller than any network's input."""
    wide, other = (Image.fromarray(pixels) for pixels in load_sample_images().images)
    return [wide, other.crop((100, 0, 350, 427)), wide.resize((90, 60))]
