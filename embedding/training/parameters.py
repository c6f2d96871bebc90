"""Which weights of the towers learn, how fast, and their average over the steps."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from transformers import PreTrainedModel

from embedding.errors import TrainingError
from embedding.model.take_apart import encoders_of_network, towers_of
from embedding.model.towers import Tower, build_head, lstm_tower, on_encoder, text_tower
from embedding.pretrained.names import load_model
from embedding.training.config import TrainConfig
from embedding.training.losses import PairLoss

__all__ = [
    "Trainable",
    "check_finite",
    "lent_weights",
    "moving_average",
    "optimizer_of",
    "rate_at",
    "start_towers",
    "tune_transformers",
]


def start_towers(captions: Sequence[str], image: Tower, config: TrainConfig) -> tuple[Tower, Tower]:
    """Return the towers before their first step, with random numbers from torch.

    Args:
        captions: the training captions, from which an LSTM takes its words.
        image: the image tower whose encoder is taken, as a copy if it is to learn.
        config: the settings.

    Raises:
        TrainingError: the model to start from takes other image vectors than there are.
    """
    tuned = config.train_image == "yes"
    encoder = deepcopy(image.encoder) if tuned else image.encoder
    if config.network:
        reader, _ = encoders_of_network(load_model(config.start_from), config.network)
        text = on_encoder(
            reader, config.dimension, hidden=config.text_hidden, dropout=config.dropout
        )
    elif config.start_from:
        text, start = towers_of(load_model(config.start_from), dropout=config.dropout)
        if start.width != image.width:
            raise TrainingError(
                f"{config.start_from!r} takes image vectors of {start.width} numbers, the data "
                f"have {image.width}; start from a model of such data"
            )
        return text, Tower(encoder, start.head, image.width)
    elif config.text_tower == "lstm":
        text = lstm_tower(
            captions, config.dimension, min_count=config.min_count, dropout=config.dropout
        )
    else:
        text = text_tower(
            config.text_tower, config.dimension, hidden=config.text_hidden, dropout=config.dropout
        )
    head = build_head(
        image.width, config.dimension, hidden=config.image_hidden, dropout=config.dropout
    )
    return text, Tower(encoder, head, image.width)


class Trainable(nn.ModuleDict):
    """The encoders that learn, the heads and the loss; what a checkpoint holds.

    Args:
        text: the text tower; its encoder learns unless ``train_text`` is ``no``.
        image: the image tower; its encoder learns if ``train_image`` is ``yes``.
        loss: whose temperature learns.
        config: the settings.
    """

    def __init__(self, text: Tower, image: Tower, loss: PairLoss, config: TrainConfig) -> None:
        super().__init__({"heads": nn.ModuleList([*text.head, *image.head]), "loss": loss})
        self.rates = {"heads": config.learning_rate, "loss": config.learning_rate}
        nn.ModuleList([*text.encoder, *image.encoder]).requires_grad_(False)
        if config.train_text == "yes":
            self["text"] = nn.ModuleList(text.encoder)
            is_fresh = config.text_tower == "lstm"
            self.rates["text"] = config.learning_rate if is_fresh else config.text_rate
            tune_transformers(
                text.encoder, train_words=config.train_words, dropout=config.text_dropout
            )
        if config.train_image == "yes":
            self["image"] = nn.ModuleList(image.encoder)
            self.rates["image"] = config.image_rate
            _tune_image(image, config)

    def groups(self) -> list[dict[str, Any]]:
        """Return the optimiser's parameter groups, each with its rate."""
        return [
            {
                "name": name,
                "params": [p for p in part.parameters() if p.requires_grad],
                "lr": self.rates[name],
            }
            for name, part in self.items()
        ]

    def shared(self) -> list[Tensor]:
        """Return what each process has a part of the gradient of: all but the loss's own."""
        return [p for name, part in self.items() if name != "loss" for p in part.parameters()]


def tune_transformers(
    encoder: Sequence[nn.Module], *, train_words: bool, dropout: float = -1.0
) -> None:
    """Let a text encoder learn, in the way that is fast on a processor.

    Args:
        encoder: its modules.
        train_words: its word vectors too.
        dropout: inside it; below 0 means what it was trained with.
    """
    nn.ModuleList(encoder).requires_grad_(True)
    for model in _transformers(encoder):
        if not train_words:
            # A model that reads both, such as CLIP, keeps its words in its text side.
            reader = getattr(model, "text_model", model)
            reader.get_input_embeddings().requires_grad_(False)
        # Fused attention is slow on a processor: its backward pass takes, in bfloat16, ten times
        # as long as the forward pass, and dropout makes it take a detour by float32. For a
        # caption's few words plain matrix products are faster. What is saved says nothing of it.
        model.set_attn_implementation("eager")
        for module in model.modules():
            if isinstance(module, nn.Dropout) and dropout >= 0:
                module.p = dropout


def _tune_image(image: Tower, config: TrainConfig) -> None:
    nn.ModuleList(image.encoder).requires_grad_(True)
    for model in _transformers(image.encoder):
        # A transformer of another kind has no blocks that are known to be worth freezing.
        if hasattr(model, "tune"):
            model.tune(config.frozen_blocks)


def _transformers(encoder: Sequence[nn.Module]) -> list[Any]:
    found = [getattr(module, "model", None) for module in encoder]
    return [model for model in found if isinstance(model, PreTrainedModel)]


def optimizer_of(
    groups: list[dict[str, Any]], steps: int, *, weight_decay: float, warmup: float
) -> tuple[AdamW, LambdaLR]:
    """Return AdamW over parameter groups, and the schedule of their rates over all steps."""
    optimizer = AdamW(groups, weight_decay=weight_decay, fused=True)
    return optimizer, LambdaLR(optimizer, lambda step: rate_at(step / steps, warmup))


def check_finite(loss: float, epoch: int, **rates: float) -> None:
    """Refuse a loss that is no number any more.

    Raises:
        TrainingError: it is not; the message names the rates to lower.
    """
    if not math.isfinite(loss):
        listed = ", ".join(f"{name} ({rate})" for name, rate in rates.items())
        raise TrainingError(f"the loss became {loss} in epoch {epoch + 1}; lower {listed}")


def moving_average(trained: nn.Module, decay: float) -> AveragedModel | None:
    """Return a copy that follows the weights: ``decay`` of itself and the rest of them a step.

    Source: Polyak and Juditsky (1992); exponential, as torch's own.
    """
    if not decay:
        return None
    follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(trained, multi_avg_fn=follow)


def rate_at(done: float, warmup: float) -> float:
    """Return the share of the peak rate after a share of the steps: up in a line, down a cosine."""
    if done < warmup:
        return max(done / warmup, 1e-3)
    return 0.5 + 0.5 * math.cos(math.pi * (done - warmup) / (1 - warmup))


@contextmanager
def lent_weights(trained: nn.Module, average: AveragedModel | None) -> Iterator[None]:
    """Let a module have the averaged weights, if there are any, for as long as it is looked at."""
    if average is None:
        yield
        return
    own = {name: value.clone() for name, value in trained.state_dict().items()}
    trained.load_state_dict(average.module.state_dict())
    try:
        yield
    finally:
        trained.load_state_dict(own)
