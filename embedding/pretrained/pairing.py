"""One model of two: the texts of one beside the pictures of another, which share a space."""

from pathlib import Path
from typing import Any

from sentence_transformers.sentence_transformer.modules import Dense, Normalize

from embedding.errors import ModelError
from embedding.model.joint import JointEmbedding
from embedding.model.take_apart import identity_head, towers_of
from embedding.model.towers import Tower, load_modules

__all__ = ["pair_models"]


def pair_models(texts: Path, pictures: Path, *, name: str) -> JointEmbedding:
    """Return a model that reads texts as one does, and pictures as another does.

    Args:
        texts: the directory of a sentence-transformers model, such as
            clip-ViT-B-32-multilingual-v1.
        pictures: of the model in whose space its vectors lie, such as clip-ViT-B-32.
        name: of the pair.

    Raises:
        ModelError: one cannot be loaded, or their vectors differ in length.
    """
    model = load_modules(texts)
    dimension = int(model.get_embedding_dimension() or 0)
    modules: list[Any] = list(model)
    while isinstance(modules[-1], Normalize):
        modules.pop()
    head: list[Any] = []
    while isinstance(modules[-1], Dense):
        head.insert(0, modules.pop())
    width = int(head[0].in_features) if head else dimension
    image = towers_of(JointEmbedding.load(pictures))[1]
    if dimension != image.width:
        raise ModelError(
            f"{texts} gives texts {dimension} numbers and {pictures} gives pictures {image.width}; "
            "only models of one space make a pair"
        )
    text = Tower(modules, head or identity_head(width, 0.0), width)
    return JointEmbedding.from_towers(text, image, name=name)
