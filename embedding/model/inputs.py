"""From texts and pictures to the tensors that a model takes, and through it in batches."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Router

from embedding.data.decode import to_rgb
from embedding.model.vectors import Vectors
from embedding.progress import Progress, silent

__all__ = ["in_batches", "read_images", "read_texts"]


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


def in_batches(
    items: Sequence[Any],
    batch_size: int,
    encode: Callable[[Sequence[Any]], Vectors],
    *,
    key: Callable[[Any], int] | None = None,
    progress: Progress = silent,
) -> Vectors:
    """Return a vector (n, d) for each item, encoded in batches.

    Args:
        items: at least one.
        batch_size: most items at once.
        encode: vectors (m, d) of a batch.
        key: what is alike in items that should share a batch, such as their length: a batch is
            padded to its longest text, so mixed lengths would waste most of the work.
        progress: told about the items done.
    """
    order = sorted(range(len(items)), key=lambda i: key(items[i]) if key else i)
    rows: list[Vectors] = []
    for start in range(0, len(order), batch_size):
        batch = [items[i] for i in order[start : start + batch_size]]
        rows.append(encode(batch))
        progress(start + len(batch), len(order), "encoding")
    encoded = np.concatenate(rows)
    vectors = np.empty_like(encoded)
    vectors[order] = encoded
    return vectors
