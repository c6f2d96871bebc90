"""Train a joint embedding of captions and pictures.

A minute's run on a folder of pictures with captions.csv (columns file, caption):

    showtell train --data csv:pictures --out runs/mine

Flickr8k with the default settings, about ten minutes on two cores, features included:

    showtell train --data flickr8k:../shared/flickr8k --out runs/f8k
    showtell evaluate runs/f8k --data flickr8k:../shared/flickr8k --split dev

The classic recipe: a caption LSTM, precomputed features, a ranking loss, cross-validation:

    showtell train --data features:precomputed --config lstm.toml --folds 5 --out runs/lstm
    # lstm.toml: text_tower = "lstm", loss = "ranking", epochs = 15

An interrupted run goes on with --resume. RUN holds model/ (what the other commands take),
training.json (settings, data, curves, folds) and, until the run is done, checkpoint/.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from embedding.checkpoint import Checkpoint
from embedding.config import TrainConfig, load_config
from embedding.data import Pairs
from embedding.errors import TrainingError
from embedding.evaluate import Metrics, recall
from embedding.folds import Indices
from embedding.losses import build_loss
from embedding.model import JointEmbedding
from embedding.precision import autocast
from embedding.progress import Progress, silent
from embedding.run_files import TrainResult, save_model, save_record
from embedding.towers import Tower, build_head, lstm_tower, text_tower
from embedding.training_data import TrainingData, batches, captions_of, gather

__all__ = ["TrainConfig", "TrainResult", "load_config", "train"]

_FRESH: dict[str, Any] = {
    "fold": 0,
    "epoch": 0,
    "waited": 0,
    "metrics": None,
    "folds": [],
    "history": [],
}
_CHUNK = 64
"""Captions of similar length that pass the text encoder at once."""


def train(
    data: Pairs | str,
    config: TrainConfig,
    out: Path,
    *,
    resume: bool = False,
    cache_dir: Path | None = None,
    progress: Progress = silent,
) -> TrainResult:
    """Train as the settings say and save the best model in ``out / "model"``.

    Args:
        data: ``KIND:PATH``, or pairs.
        config: the settings.
        out: the run's directory.
        resume: go on with an interrupted run of the same settings and data.
        cache_dir: where image features are kept between runs.
        progress: told about features and training.

    Raises:
        DataError: the data cannot be used.
        ModelError: a tower cannot be had.
        TrainingError: the settings do not fit the data, or the run cannot be resumed.
    """
    gathered = gather(data, config, cache_dir=cache_dir, progress=progress)
    config = config.resolved(len(gathered.parts[0][0]))
    identity = {"settings": config.to_json(), "data": gathered.pairs.fingerprint()}
    checkpoint = Checkpoint(out / "checkpoint", identity)
    tensors, state = (checkpoint.load() if resume else None) or ({}, dict(_FRESH))

    for fold, part in enumerate(gathered.parts):
        if fold >= state["fold"]:
            with torch.random.fork_rng(devices=[]):
                model, metrics, state = _train_one(
                    fold, part, gathered, config, checkpoint, tensors, state, progress
                )
            is_best = all(_score(metrics) > _score(other) for other in state["folds"])
            state = {
                **_FRESH,
                "fold": fold + 1,
                "folds": [*state["folds"], metrics],
                "history": state["history"],
            }
            if is_best:
                save_model(model, metrics, gathered, config, out)
            tensors = {}
            checkpoint.save(tensors, state)

    best = max(state["folds"], key=_score)
    result = TrainResult(
        out / "model",
        best,
        state["folds"] if config.folds else [],
        state["history"],
        gathered.skipped,
        config,
    )
    save_record(result, gathered.pairs, out)
    checkpoint.clear()
    return result


def _train_one(
    fold: int,
    part: tuple[Indices, Indices],
    gathered: TrainingData,
    config: TrainConfig,
    checkpoint: Checkpoint,
    tensors: dict[str, Any],
    state: dict[str, Any],
    progress: Progress,
) -> tuple[JointEmbedding, Metrics, dict[str, Any]]:
    """Train on some of the images; return the model as it was when best on the others."""
    train_images, dev_images = part
    learned, held_out = gathered.pairs.subset(train_images), gathered.pairs.subset(dev_images)
    train_views = torch.from_numpy(gathered.views[:, train_images])
    dev_views = torch.from_numpy(gathered.views[0, dev_images])
    tuned = config.train_text == "yes"

    # Model, loss, optimiser.
    torch.manual_seed(config.seed + fold)
    text = _text_tower(learned.captions, config)
    image = _fresh_head(gathered.image, config)
    model = JointEmbedding.from_towers(
        text, image, name=f"{config.text_tower}+{config.image_tower}"
    )
    loss_of = build_loss(config.loss, margin=config.margin, temperature=config.temperature)
    encoder = torch.nn.ModuleList(text.encoder).requires_grad_(tuned)
    heads = torch.nn.ModuleList([*text.head, *image.head, loss_of])
    trained = torch.nn.ModuleList([encoder, heads] if tuned else [heads])
    text_rate = config.learning_rate if config.text_tower == "lstm" else config.text_rate
    optimizer = torch.optim.AdamW(
        [
            {"params": list(heads.parameters()), "lr": config.learning_rate},
            {"params": list(encoder.parameters()) if tuned else [], "lr": text_rate},
        ],
        weight_decay=config.weight_decay,
    )
    steps = math.ceil(len(train_images) / config.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: _rate(step / (steps * config.epochs), config.warmup)
    )
    known = None if tuned else _frozen(model, learned.captions, config)
    known_dev = None if tuned else _frozen(model, held_out.captions, config)
    own_captions = captions_of(learned)
    # Where every picture is learned, the last epoch is the best: nothing is held out to judge by.
    judged = bool(config.folds) or config.train_on == "split"

    # Where an interrupted run goes on.
    best_weights: dict[str, Tensor] = tensors.get("best", {})
    if tensors:
        trained.load_state_dict(tensors["weights"])
        optimizer.load_state_dict(tensors["optimizer"])
        schedule.load_state_dict(tensors["schedule"])

    for epoch in range(state["epoch"], config.epochs):
        if state["waited"] >= config.patience:
            progress(config.epochs * steps, config.epochs * steps, _title(fold, config))
            break
        started, losses = time.perf_counter(), []
        random = np.random.default_rng((config.seed, fold, epoch))
        torch.manual_seed(int(random.integers(2**31)))
        trained.train()
        for batch in batches(len(train_images), config.batch_size, random):
            chosen = np.array([random.choice(own_captions[i]) for i in batch])
            view = int(random.integers(len(train_views)))
            if known is None:
                sentences = _encode(model, [learned.captions[c] for c in chosen], config)
            else:
                sentences = known[chosen]
            texts = functional.normalize(text.project(sentences), dim=-1)
            images = functional.normalize(image.project(train_views[view, batch]), dim=-1)
            loss = loss_of(texts, images, torch.from_numpy(batch))
            if config.keep_text:
                loss = loss + config.keep_text * _drift(texts, images, sentences)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained.parameters(), config.clip)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                raise TrainingError(
                    f"the loss became {losses[-1]} in epoch {epoch + 1}; lower learning_rate "
                    f"({config.learning_rate}) or text_rate ({config.text_rate})"
                )
            progress(epoch * steps + len(losses), config.epochs * steps, _title(fold, config))

        record = {"fold": fold, "epoch": epoch + 1, "loss": float(np.mean(losses))}
        if epoch + 1 == config.epochs or (judged and (epoch + 1) % config.evaluate_every == 0):
            trained.eval()
            with torch.inference_mode():
                sentences = (
                    known_dev
                    if known_dev is not None
                    else _encode(model, held_out.captions, config)
                )
                found = recall(
                    functional.normalize(text.project(sentences), dim=-1).numpy(),
                    functional.normalize(image.project(dev_views), dim=-1).numpy(),
                    held_out.caption_to_image,
                )
            record["r1"] = found["text_to_image"]["r1"]
            state = {**state, "waited": state["waited"] + 1}
            if state["metrics"] is None or _score(found) > _score(state["metrics"]):
                state = {**state, "waited": 0, "metrics": found}
                best_weights = {k: v.clone() for k, v in trained.state_dict().items()}
        record["seconds"] = round(time.perf_counter() - started, 2)
        state = {**state, "epoch": epoch + 1, "history": [*state["history"], record]}
        checkpoint.save(
            {
                "weights": trained.state_dict(),
                "best": best_weights,
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
            },
            state,
        )

    trained.load_state_dict(best_weights)
    model.module.eval()
    return model, state["metrics"], state


def _encode(model: JointEmbedding, captions: Sequence[str], config: TrainConfig) -> Tensor:
    """Return the text encoder's vectors (n, width), with gradient where it is recorded.

    Captions of similar length go together, so that little is spent on padding.
    """
    order = sorted(range(len(captions)), key=lambda i: len(captions[i]))
    found = []
    for start in range(0, len(order), _CHUNK):
        inputs = model.preprocess([captions[i] for i in order[start : start + _CHUNK]])
        with autocast(config.precision):
            found.append(model.text.encode(inputs))
    return torch.cat([vectors.float() for vectors in found])[np.argsort(order)]


def _frozen(model: JointEmbedding, captions: Sequence[str], config: TrainConfig) -> Tensor:
    """Return the vectors of all captions, computed once, for a text encoder that is not trained."""
    with torch.no_grad():
        return _encode(model, captions, config)


def _drift(texts: Tensor, images: Tensor, sentences: Tensor) -> Tensor:
    """Return how far similarities in a batch are from those the text encoder sees in the captions.

    A picture is asked to be as near to each text as its own caption is: with few captions to
    learn from, that is what makes it answer to sentences unlike any of them.
    """
    before = functional.normalize(sentences.detach(), dim=-1)
    wanted = before @ before.T
    return functional.mse_loss(texts @ texts.T, wanted) + functional.mse_loss(
        texts @ images.T, wanted
    )


def _rate(done: float, warmup: float) -> float:
    """Return the share of the peak rate after a share of the steps: up in a line, down a cosine."""
    if done < warmup:
        return max(done / warmup, 1e-3)
    return 0.5 + 0.5 * math.cos(math.pi * (done - warmup) / (1 - warmup))


def _text_tower(captions: Sequence[str], config: TrainConfig) -> Tower:
    if config.text_tower == "lstm":
        return lstm_tower(
            captions, config.dimension, min_count=config.min_count, dropout=config.dropout
        )
    return text_tower(
        config.text_tower, config.dimension, hidden=config.text_hidden, dropout=config.dropout
    )


def _fresh_head(image: Tower, config: TrainConfig) -> Tower:
    head = build_head(
        image.width, config.dimension, hidden=config.image_hidden, dropout=config.dropout
    )
    return replace(image, head=head)


def _score(metrics: Metrics) -> float:
    """Return what "better" means: finding pictures for texts, near the top."""
    found = metrics["text_to_image"]
    return found["r1"] + found["r5"] + found["r10"]


def _title(fold: int, config: TrainConfig) -> str:
    return f"training fold {fold + 1} of {config.folds}" if config.folds else "training"
