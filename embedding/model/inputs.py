"""From texts and pictures to the tensors that a model takes."""

from collections.abc import Sequence
from typing import Any

from PIL import Image
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Router

from embedding.data.decode import to_rgb

__all__ = ["read_images", "read_texts"]


def read_texts(model: SentenceTransformer, texts: Sequence[str]) -> dict[str, Any]:
    """Return the tensors of texts, with the model's default prompt before each.

    A text that looks like an address or a path stays a text: nothing is fetched or opened.
    """
    default = model.default_prompt_name
    prompt = model.prompts.get(default) if default else None
    # The model's own preprocess guesses from the strings even when told that they are texts,
    # and fails on a batch of which one looks like an address; the router does not guess.
    # A module that reads both modalities does, and there a dictionary leaves it no choice.
    reader: Any = model[0]
    if isinstance(reader, Router):
        route = reader.route_mappings.get((None, "text"), "text")
        first: Any = reader.sub_modules[route]
        guesses = "image" in getattr(first[0], "modalities", ())
        inputs = [{"text": text} for text in texts] if guesses else list(texts)
        return dict(reader.preprocess(inputs, prompt=prompt, modality="text"))
    return dict(reader.preprocess([{"text": text} for text in texts], prompt=prompt))


def read_images(model: SentenceTransformer, images: Sequence[Image.Image]) -> dict[str, Any]:
    """Return the tensors of pictures of any mode and size."""
    pictures = [to_rgb(image) for image in images]
    if isinstance(model[0], Router):
        return dict(model.preprocess(pictures, modality="image"))
    return dict(model.preprocess(pictures))
