"""The settings of a re-ranker."""

from dataclasses import asdict, dataclass
from typing import Any

from embedding.errors import TrainingError
from embedding.model.precision import PRECISIONS
from embedding.packages import EFFICIENTNETS

__all__ = ["RerankConfig"]


@dataclass(frozen=True)
class RerankConfig:
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
        candidates: how many of the joint model's first are put in order anew when it is judged.
        evaluate_every: epochs between two looks at the dev split; the last is always looked at.
        seed: decides initial weights, order and captions.
        precision: auto, bfloat16 or float32.
    """

    text_tower: str = "minilm"
    networks: str = "efficientnet-lite2+efficientnet-lite0"
    image_size: int = 320
    side: int = 5
    dimension: int = 256
    dropout: float = 0.2
    temperature: float = 0.05
    sharpness: float = 10.0
    epochs: int = 10
    batch_size: int = 128
    captions_per_image: int = 1
    learning_rate: float = 1e-3
    text_rate: float = 1e-4
    average: float = 0.98
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip: float = 1.0
    candidates: int = 50
    evaluate_every: int = 5
    seed: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        unknown = [name for name in self.network_names if name not in EFFICIENTNETS]
        if unknown:
            _refuse("networks", self.networks, f"one or more of {', '.join(EFFICIENTNETS)}, by +")
        if self.precision not in PRECISIONS or self.precision == "float16":
            _refuse("precision", self.precision, "auto, bfloat16 or float32")
        for name in (
            "image_size",
            "side",
            "dimension",
            "epochs",
            "batch_size",
            "captions_per_image",
            "candidates",
            "evaluate_every",
        ):
            if getattr(self, name) < 1:
                _refuse(name, getattr(self, name), "at least 1")
        for name in ("temperature", "sharpness", "learning_rate", "text_rate", "clip"):
            if not getattr(self, name) > 0:
                _refuse(name, getattr(self, name), "over 0")
        for name in ("dropout", "average", "warmup"):
            if not 0 <= getattr(self, name) < 1:
                _refuse(name, getattr(self, name), "in [0, 1)")
        for name in ("seed", "weight_decay"):
            if getattr(self, name) < 0:
                _refuse(name, getattr(self, name), "at least 0")

    @property
    def network_names(self) -> list[str]:
        """The networks, in the order of their channels."""
        return self.networks.split("+")

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)


def _refuse(name: str, value: object, allowed: str) -> None:
    raise TrainingError(f"the setting {name} of the re-ranker is {value!r}; it must be {allowed}")
