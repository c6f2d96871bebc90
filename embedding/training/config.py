"""The settings of a training run, from defaults, a TOML or a JSON file, or code."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)

from embedding.errors import TrainingError
from embedding.model.precision import Precision
from embedding.model.squares import Fit

__all__ = ["TRAIN_TEXT_FROM", "Count", "Natural", "Positive", "Settings", "Share", "TrainConfig"]

TRAIN_TEXT_FROM = 3000
"""From so many training images on, ``train_text = "auto"`` trains the text tower too."""

Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Settings(BaseModel):
    """Settings that cannot be changed, each checked when it is given; an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _refuse(cls, values: Any, check: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return check(values)
        except ValidationError as error:
            raise TrainingError(_sentence(error, list(cls.model_fields))) from error

    @classmethod
    def read(cls, path: Path | None, **changes: Any) -> Self:
        """Return the settings in a TOML or JSON file, or the defaults, with ``changes`` over them.

        Raises:
            TrainingError: the file cannot be read, or a name or value in it is not allowed.
        """
        if path is None:
            return cls(**changes)
        try:
            text = path.read_text(encoding="utf-8")
            values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        except (OSError, ValueError) as error:
            raise TrainingError(f"the settings {path} cannot be read: {error}") from error
        if not isinstance(values, Mapping):
            raise TrainingError(f"the settings {path} must be a table of names and values")
        try:
            return cls(**{**values, **changes})
        except TrainingError as error:
            raise TrainingError(f"{path}: {error}") from error

    def changed(self, **changes: Any) -> Self:
        """Return the settings with some of them changed."""
        return type(self)(**{**self.to_json(), **changes})

    def to_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return self.model_dump()


def _sentence(error: ValidationError, names: list[str]) -> str:
    """Return what is wrong with the first setting that is wrong, in our own words."""
    wrong = error.errors(include_url=False)[0]
    name = wrong["loc"][0]
    if wrong["type"] == "extra_forbidden":
        return f"there is no setting {name!r}; use {', '.join(names)}"
    reason = str(wrong["ctx"]["error"]) if wrong["type"] == "value_error" else wrong["msg"]
    allowed = reason.removeprefix("Input should be ")
    return f"the setting {name} is {wrong['input']!r}; it must be {allowed}"


def _zero_or_more_than_one(folds: int) -> int:
    if folds < 0 or folds == 1:
        raise ValueError("0 or at least 2")
    return folds


class TrainConfig(Settings):
    """Everything that decides a training run, besides the data.

    Attributes:
        start_from: a model to go on from, ours or any text+image model: by name, directory or run.
            It decides the towers, the dimension and the heads, in place of the next settings.
        network: one image network of the model to start from, such as ``efficientnet-lite2``: it
            and the text encoder that learned with it are taken alone, and the heads begin anew. An
            ``image_size`` of 0 then means what it has there.
        teacher: a larger model, by name, directory or run and of any dimension, that has learned
            no picture that is held out here. Its similarities between the captions and the
            pictures of a step are what is learned, in place of ``loss``.
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
            below 0 means what it was trained with, which takes a fifth more time.
        train_image: ``yes`` or ``no``: train the image tower too, on random views of the pictures.
        train_size: side of those views in pixels; 0 means that of the image tower's input. Smaller
            ones take less time, and suit it: in a part of a picture things look larger than in
            the whole (Touvron et al., 2019).
        frozen_blocks: how many of EfficientNet-Lite's first blocks stay as they are, with the
            stem; its depthwise kernels always do.
        keep_text: weight of staying near the text encoder's own similarities between texts, so
            that sentences unlike the captions keep their meaning. Below 0 means automatic: 30
            while the text tower is frozen, 0 when it is trained.
        epochs: passes over the images; 0 means automatic: 8 when a pretrained text tower is
            trained, 12 for an LSTM, 60 when the text tower is frozen.
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
        mixup: with a teacher: each picture, and what the text encoder makes of each caption, is
            mixed with another one, in a share drawn from the Beta distribution with this
            parameter; 1 means any share, 0 none. It keeps heads from learning them by heart.
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
    network: str = ""
    teacher: str = ""
    text_tower: str = "minilm"
    image_tower: str = "efficientnet-lite0"
    image_size: Natural = 0
    fit: Fit = "crop"
    dimension: Count = 512
    text_hidden: Natural = 384
    image_hidden: Natural = 1280
    dropout: Annotated[float, Field(lt=1)] = -1.0
    loss: Literal["ranking", "hardest", "infonce", "sigmoid"] = "infonce"
    margin: Positive = 0.2
    temperature: Positive = 0.05
    train_text: Literal["auto", "yes", "no"] = "auto"
    train_words: bool = False
    text_dropout: Annotated[float, Field(lt=1)] = 0.0
    train_image: Literal["yes", "no"] = "no"
    train_size: Natural = 0
    frozen_blocks: Natural = 3
    keep_text: float = -1.0
    epochs: Natural = 0
    batch_size: Natural = 0
    captions_per_image: Count = 1
    chunk: Natural = 0
    learning_rate: Annotated[float, Field(ge=0)] = 0.0
    text_rate: Positive = 5e-5
    image_rate: Positive = 1e-4
    average: Share = 0.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    warmup: Share = 0.1
    clip: Positive = 1.0
    mixup: Annotated[float, Field(ge=0)] = 0.0
    mirrored: bool = False
    train_on: Literal["split", "all"] = "split"
    evaluate_every: Count = 4
    patience: Count = 3
    folds: Annotated[int, AfterValidator(_zero_or_more_than_one)] = 0
    seed: Natural = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Precision = "auto"
    min_count: Count = 1
    checkpoint_every: Natural = 0
    tensorboard: bool = False

    def resolved(self, n_images: int) -> TrainConfig:
        """Return the settings with every automatic one decided for ``n_images`` to train on."""
        is_lstm = self.text_tower == "lstm"
        trained = is_lstm or (
            n_images >= TRAIN_TEXT_FROM if self.train_text == "auto" else self.train_text == "yes"
        )
        batch_size = self.batch_size or (256 if trained else 512)
        return self.changed(
            train_text="yes" if trained else "no",
            keep_text=(0.0 if trained else 30.0) if self.keep_text < 0 else self.keep_text,
            dropout=self.dropout if self.dropout >= 0 else 0.1 if self.train_on == "split" else 0.0,
            learning_rate=self.learning_rate or (1e-3 if trained else 2e-3),
            epochs=self.epochs or (12 if is_lstm else 8 if trained else 60),
            batch_size=min(batch_size, n_images * self.captions_per_image),
        )

    @property
    def is_judged(self) -> bool:
        """Whether pictures are held out to judge by; otherwise the last epoch is the best."""
        return bool(self.folds) or self.train_on == "split"

    def identity(self) -> dict[str, Any]:
        """Return what decides a run's result: settings but those of what is kept along the way."""
        return self.model_dump(exclude={"tensorboard", "checkpoint_every"})
