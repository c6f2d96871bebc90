"""The settings of a training run, from defaults, a JSON or a TOML file, or code."""

import json
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from embedding.errors import TrainingError
from embedding.model.efficientnet import FITS
from embedding.model.precision import PRECISIONS
from embedding.training.distributed import DEVICES
from embedding.training.losses import LOSSES

__all__ = ["TRAIN_TEXT_FROM", "TrainConfig", "load_config", "read_settings"]

TRAIN_TEXT_FROM = 3000
"""From so many training images on, ``train_text = "auto"`` trains the text tower too."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run, besides the data.

    Attributes:
        start_from: a model to go on from, ours or any text+image model: by name, directory or run.
            It decides the towers, the dimension and the heads, in place of the next settings.
        text_tower: ``minilm``, ``lstm`` (a caption LSTM learned from nothing), a
            sentence-transformers model by name, or a directory.
        image_tower: ``efficientnet-lite0``, ``-lite1``, ``-lite2``, several side by side (joined
            by ``+``), a transformers vision backbone by name, or a directory. Data of the kind
            ``features`` need none.
        image_size: side of EfficientNet-Lite's input in pixels, of the largest of several; 0 means
            what it was trained on: 224, 240 or 260.
        fit: how EfficientNet-Lite sees a picture that is no square: ``crop`` takes the centre,
            ``squash`` the whole, resized.
        dimension: size of the joint space.
        text_hidden: hidden values of the text head; 0 makes the head linear.
        image_hidden: hidden values of the image head; 0 makes the head linear.
        dropout: share of hidden values dropped in training. Below 0 means automatic: 0.1, or 0
            where every picture is learned.
        loss: ranking, hardest, infonce or sigmoid.
        margin: of the two ranking losses, in cosine.
        temperature: of the other two at the start; they learn it.
        train_text: ``yes``, ``no``, or ``auto``: train the text tower from 3,000 training images
            on. With fewer it would learn them by heart and forget what it knows of other texts.
            An LSTM is always trained.
        train_words: train a pretrained text tower's word vectors too, half of its weights.
        text_dropout: share of values dropped inside a pretrained text tower that is trained;
            below 0 means what it was trained with. 0 saves a tenth of the time.
        train_image: ``yes`` or ``no``: train the image tower too, on random views of the pictures.
        train_size: side of those views in pixels; 0 means that of the image tower's input. Smaller
            ones take less time, and suit it: in a part of a picture things look larger than in
            the whole (Touvron et al., 2019).
        frozen_blocks: how many of EfficientNet-Lite's first blocks stay as they are, with the
            stem; its depthwise kernels always do.
        keep_text: weight of staying near the text encoder's own similarities between texts, so
            that sentences unlike the captions keep their meaning. Below 0 means automatic: 30
            while the text tower is frozen, 0 when it is trained.
        epochs: passes over the images; 0 means automatic: 12 when the text tower is trained, 60
            when it is frozen.
        batch_size: pairs a step; 0 means automatic: 256 when the text tower is trained, else 512.
        captions_per_image: how many captions of an image a step takes, as far as it has them.
        chunk: pairs that pass the towers at once, for batches beyond memory, at a third more
            time; 0 means all of the batch.
        learning_rate: of the heads and of an LSTM, at its peak; 0 means automatic: 0.001 when the
            text tower is trained, 0.002 when it is frozen.
        text_rate: of a pretrained text tower, at its peak.
        image_rate: of an image tower that is trained, at its peak.
        average: decay of the moving average of the weights that is evaluated and kept, e.g. 0.99;
            0 means the weights themselves.
        weight_decay: of AdamW.
        warmup: share of the steps in which the rates rise; then they fall as a cosine.
        clip: largest norm of the gradient.
        mirrored: train on mirrored pictures too. Not for pictures in which left and right mean
            something, such as letters and arrows.
        train_on: ``split`` holds the dev split out and keeps the best epoch on it; ``all`` learns
            every picture and keeps the last epoch, for a gallery that is itself to be searched.
        evaluate_every: epochs between two looks at the dev split; the last is always looked at.
        patience: looks without improvement after which training stops.
        folds: 0, or so many folds for cross-validation; the best fold's model is kept.
        seed: decides initial weights, order, captions and folds.
        device: auto, cpu or cuda; auto takes cuda if it is there.
        precision: auto, bfloat16, float16 (cuda only) or float32; auto takes what is fastest.
        min_count: how often an LSTM's word must have been seen.
        checkpoint_every: steps between two checkpoints within an epoch; 0 means at its end only.
        tensorboard: write event files of loss, rates and recall into ``RUN/tensorboard``.
    """

    start_from: str = ""
    text_tower: str = "minilm"
    image_tower: str = "efficientnet-lite0"
    image_size: int = 0
    fit: str = "crop"
    dimension: int = 512
    text_hidden: int = 384
    image_hidden: int = 1280
    dropout: float = -1.0
    loss: str = "infonce"
    margin: float = 0.2
    temperature: float = 0.05
    train_text: str = "auto"
    train_words: bool = False
    text_dropout: float = -1.0
    train_image: str = "no"
    train_size: int = 0
    frozen_blocks: int = 3
    keep_text: float = -1.0
    epochs: int = 0
    batch_size: int = 0
    captions_per_image: int = 1
    chunk: int = 0
    learning_rate: float = 0.0
    text_rate: float = 5e-5
    image_rate: float = 1e-4
    average: float = 0.0
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip: float = 1.0
    mirrored: bool = False
    train_on: str = "split"
    evaluate_every: int = 4
    patience: int = 3
    folds: int = 0
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    min_count: int = 1
    checkpoint_every: int = 0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        choices = {
            "loss": tuple(LOSSES),
            "train_text": ("auto", "yes", "no"),
            "train_on": ("split", "all"),
            "train_image": ("yes", "no"),
            "fit": FITS,
            "device": DEVICES,
            "precision": PRECISIONS,
        }
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                _refuse(name, getattr(self, name), f"one of {', '.join(allowed)}")
        for name in (
            "dimension",
            "evaluate_every",
            "patience",
            "min_count",
            "captions_per_image",
        ):
            if getattr(self, name) < 1:
                _refuse(name, getattr(self, name), "at least 1")
        for name in (
            "text_hidden",
            "image_hidden",
            "epochs",
            "batch_size",
            "weight_decay",
            "seed",
            "learning_rate",
            "image_size",
            "train_size",
            "frozen_blocks",
            "chunk",
            "checkpoint_every",
        ):
            if getattr(self, name) < 0:
                _refuse(name, getattr(self, name), "at least 0")
        for name in ("text_rate", "image_rate", "margin", "temperature", "clip"):
            if not getattr(self, name) > 0:
                _refuse(name, getattr(self, name), "over 0")
        if not 0 <= self.warmup < 1:
            _refuse("warmup", self.warmup, "in [0, 1)")
        for name in ("dropout", "text_dropout"):
            if getattr(self, name) >= 1:
                _refuse(name, getattr(self, name), "in [0, 1), or below 0 for automatic")
        if not 0 <= self.average < 1:
            _refuse("average", self.average, "in [0, 1)")
        if self.folds < 0 or self.folds == 1:
            _refuse("folds", self.folds, "0 or at least 2")

    def resolved(self, n_images: int) -> "TrainConfig":
        """Return the settings with every automatic one decided for ``n_images`` to train on."""
        trained = self.text_tower == "lstm" or (
            n_images >= TRAIN_TEXT_FROM if self.train_text == "auto" else self.train_text == "yes"
        )
        return replace(
            self,
            train_text="yes" if trained else "no",
            keep_text=(0.0 if trained else 30.0) if self.keep_text < 0 else self.keep_text,
            dropout=self.dropout if self.dropout >= 0 else 0.1 if self.train_on == "split" else 0.0,
            learning_rate=self.learning_rate or (1e-3 if trained else 2e-3),
            epochs=self.epochs or (12 if trained else 60),
            batch_size=min(
                self.batch_size or (256 if trained else 512), n_images * self.captions_per_image
            ),
        )

    @property
    def is_judged(self) -> bool:
        """Whether pictures are held out to judge by; otherwise the last epoch is the best."""
        return bool(self.folds) or self.train_on == "split"

    def identity(self) -> dict[str, Any]:
        """Return what decides a run's result: settings but those of what is kept along the way."""
        watching = ("tensorboard", "checkpoint_every")
        return {name: value for name, value in self.to_json().items() if name not in watching}

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)


def load_config(path: Path, **changes: Any) -> TrainConfig:
    """Return settings from a JSON or TOML file, with ``changes`` laid over them.

    Raises:
        TrainingError: the file cannot be read, or a key or value in it is not allowed.
    """
    return TrainConfig(**{**read_settings(path, TrainConfig), **changes})


def read_settings(path: Path, kind: type[Any]) -> dict[str, Any]:
    """Return the settings in a JSON or TOML file, each of a type that ``kind`` takes.

    Args:
        path: the file.
        kind: a dataclass with a default for each setting.

    Raises:
        TrainingError: the file cannot be read, or a key or the type of a value is not allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        raise TrainingError(f"the settings {path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise TrainingError(f"the settings {path} must be a table of names and values")
    types = {field.name: type(field.default) for field in fields(kind)}
    for key, value in values.items():
        if key not in types:
            raise TrainingError(f"{path}: there is no setting {key!r}; use {', '.join(types)}")
        wanted = (int, float) if types[key] is float else (types[key],)
        if not isinstance(value, wanted) or isinstance(value, bool) != (types[key] is bool):
            raise TrainingError(f"{path}: {key} is {value!r}; expected {types[key].__name__}")
    return values


def _refuse(name: str, value: object, allowed: str) -> None:
    raise TrainingError(f"the setting {name} is {value!r}; it must be {allowed}")
