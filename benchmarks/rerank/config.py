"""The settings of a re-ranker."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from embedding.packages import EFFICIENTNETS
from embedding.training.config import Count, Natural, Positive, Settings, Share

__all__ = ["RerankConfig"]


def _networks(names: str) -> str:
    if not set(names.split("+")) <= set(EFFICIENTNETS):
        raise ValueError(f"one or more of {', '.join(EFFICIENTNETS)}, joined by +")
    return names


class RerankConfig(Settings):
    """Everything that decides a re-ranker, besides the data and the model before it.

    Attributes:
        text_tower: ``minilm``, a sentence-transformers model by name, or a directory; a copy of it
            is trained, its word vectors excepted.
        networks: what looks at the pictures: ``efficientnet-lite0``, ``-lite1``, ``-lite2``, or
            several joined by ``+``; they stay as they are.
        image_size: side in pixels of the square that the networks see.
        side: places along each side of the grid.
        dimension: size of a word's and of a place's vector.
        dropout: share of what the heads see that is dropped in training.
        temperature: of InfoNCE at the start; it learns.
        sharpness: how much more a well fitting place of a word counts than others; large means
            the best place alone.
        epochs: passes over the pictures.
        batch_size: captions a step.
        captions_per_image: how many captions of a picture a step takes.
        learning_rate: of the heads, at its peak.
        text_rate: of the text encoder, at its peak.
        average: decay of the moving average of the weights that is judged and kept; 0 means the
            weights themselves.
        weight_decay: of AdamW.
        warmup: share of the steps in which the rates rise; then they fall as a cosine.
        clip: largest norm of the gradient.
        candidates: how many of the joint model's first are re-ranked when it is judged.
        evaluate_every: epochs between two looks at the dev split; the last is always looked at.
        seed: decides initial weights, order and captions.
        precision: auto, bfloat16 or float32.
    """

    text_tower: str = "minilm"
    networks: Annotated[str, AfterValidator(_networks)] = "efficientnet-lite2+efficientnet-lite0"
    image_size: Count = 320
    side: Count = 5
    dimension: Count = 256
    dropout: Share = 0.2
    temperature: Positive = 0.05
    sharpness: Positive = 10.0
    epochs: Count = 10
    batch_size: Count = 128
    captions_per_image: Count = 1
    learning_rate: Positive = 1e-3
    text_rate: Positive = 1e-4
    average: Share = 0.98
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    warmup: Share = 0.1
    clip: Positive = 1.0
    candidates: Count = 50
    evaluate_every: Count = 5
    seed: Natural = 0
    precision: Literal["auto", "bfloat16", "float32"] = "auto"

    @property
    def network_names(self) -> list[str]:
        """The networks, in the order of their channels."""
        return self.networks.split("+")
