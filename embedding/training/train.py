"""Train a joint embedding of captions and pictures.

A minute's run on a folder of pictures with captions.csv (columns file, caption):

    showtell train --data csv:pictures --out runs/mine

Flickr8k with the default settings, about ten minutes on two cores, features included:

    showtell train --data flickr8k:../shared/flickr8k --out runs/f8k
    showtell evaluate runs/f8k --data flickr8k:../shared/flickr8k --split dev

The classic recipe: a caption LSTM, precomputed features, a ranking loss, cross-validation:

    showtell train --data features:precomputed --config lstm.toml --folds 5 --out runs/lstm
    # lstm.toml: text_tower = "lstm", loss = "ranking", epochs = 15

The image tower too, on several processes (of one machine):

    # tune.toml: train_image = "yes", fit = "squash", mirrored = true, average = 0.99
    torchrun --nproc-per-node 2 --no-python showtell train --data flickr8k:../shared/flickr8k
        --config tune.toml --out runs/tuned

An interrupted run goes on with --resume. RUN holds model/ (what the other commands take),
training.json (settings, data, curves, folds) and, until the run is done, checkpoint/.
"""

import math
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from embedding.data.pairs import Pairs
from embedding.errors import TrainingError
from embedding.evaluation.recall import Metrics, quality, recall
from embedding.model.joint import JointEmbedding
from embedding.model.precision import best_precision
from embedding.progress import Progress, silent
from embedding.training.batches import Batch, batches, captions_of, split, steps_of
from embedding.training.checkpoint import Checkpoint
from embedding.training.config import TrainConfig
from embedding.training.distributed import World, join_world
from embedding.training.event_log import EventLog, event_log
from embedding.training.gradient_cache import backward_by_parts
from embedding.training.inputs import Texts, images_of
from embedding.training.losses import build_loss, text_drift
from embedding.training.parameters import (
    Trainable,
    lent_weights,
    moving_average,
    rate_at,
    start_towers,
)
from embedding.training.prepare import TrainingData, gather
from embedding.training.run_files import TrainResult, save_model, save_record

__all__ = ["train"]

_FRESH: dict[str, Any] = {
    "fold": 0,
    "epoch": 0,
    "losses": [],
    "waited": 0,
    "metrics": None,
    "folds": [],
    "history": [],
}


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
        cache_dir: where image features and decoded pictures are kept between runs.
        progress: told about features and training.

    Raises:
        DataError: the data cannot be used.
        ModelError: a tower cannot be had.
        TrainingError: the settings do not fit the data, or the run cannot be resumed.
    """
    with join_world(config.device) as world:
        progress = progress if world.is_first else silent
        with world.first_goes_first():
            gathered = gather(data, config, cache_dir=cache_dir, progress=progress)
        config = config.resolved(len(gathered.parts[0][0]))
        identity = {"settings": config.identity(), "data": gathered.pairs.fingerprint()}
        checkpoint = Checkpoint(out / "checkpoint", identity)
        tensors, state = (checkpoint.load() if resume else None) or ({}, dict(_FRESH))

        for fold in range(state["fold"], len(gathered.parts)):
            cards = [world.device] if world.device.type == "cuda" else []
            watched = config.tensorboard and world.is_first
            with (
                torch.random.fork_rng(cards),
                event_log(out / "tensorboard" / f"fold-{fold}", wanted=watched) as log,
            ):
                model, metrics, state = _train_one(
                    fold, gathered, config, world, checkpoint, tensors, state, log, progress
                )
            is_best = all(quality(metrics) > quality(other) for other in state["folds"])
            state = {
                **_FRESH,
                "fold": fold + 1,
                "folds": [*state["folds"], metrics],
                "history": state["history"],
            }
            tensors = {}
            if world.is_first:
                if is_best:
                    save_model(model, metrics, gathered, gathered.parts[fold][0], config, out)
                checkpoint.save(tensors, state)

    best = max(state["folds"], key=quality)
    result = TrainResult(
        out / "model",
        best,
        state["folds"] if config.folds else [],
        state["history"],
        gathered.skipped,
        config,
    )
    if world.is_first:
        save_record(result, gathered.pairs, out)
        checkpoint.clear()
    return result


def _train_one(
    fold: int,
    gathered: TrainingData,
    config: TrainConfig,
    world: World,
    checkpoint: Checkpoint,
    tensors: dict[str, Any],
    state: dict[str, Any],
    log: EventLog,
    progress: Progress,
) -> tuple[JointEmbedding, Metrics, dict[str, Any]]:
    """Train on some of the images; return the model as it was when best on the others."""
    part = gathered.parts[fold]
    learned, held_out = (gathered.pairs.subset(images) for images in part)
    own_captions = captions_of(learned)

    # Model, loss, optimiser.
    torch.manual_seed(config.seed + fold)
    text, image = start_towers(learned.captions, gathered.image, config)
    name = config.start_from or f"{config.text_tower}+{config.image_tower}"
    model = JointEmbedding.from_towers(text, image, name=Path(name).name)
    model.module.to(world.device)
    loss_of = build_loss(config.loss, margin=config.margin, temperature=config.temperature)
    trained = Trainable(text, image, loss_of, config).to(world.device)
    average = moving_average(trained, config.average)
    optimizer = torch.optim.AdamW(trained.groups(), weight_decay=config.weight_decay, fused=True)
    steps = steps_of(len(learned.image_ids), config)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: rate_at(step / (steps * config.epochs), config.warmup)
    )
    scaler = torch.amp.GradScaler(
        world.device.type, enabled=best_precision(config.precision, world.device) == "float16"
    )
    texts = Texts(model, learned.captions, held_out.captions, config, world.device)
    images = images_of(image, gathered, part, config, world.device)

    # Where an interrupted run goes on.
    best_weights: dict[str, Tensor] = tensors.get("best", {})
    keepers: dict[str, Any] = {
        "weights": trained,
        "optimizer": optimizer,
        "schedule": schedule,
        "scaler": scaler,
    }
    if average is not None:
        keepers["average"] = average
    for name, keeper in keepers.items():
        if tensors:
            keeper.load_state_dict(tensors[name])

    def save(state: dict[str, Any]) -> None:
        if world.is_first:
            kept = {name: keeper.state_dict() for name, keeper in keepers.items()}
            checkpoint.save({**kept, "best": best_weights}, state)

    def vectors(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return unit vectors of captions and of their images, and the captions' own."""
        sentences = texts.of(batch)
        pictures = functional.normalize(image.project(images.of(batch)), dim=-1)
        owners = torch.from_numpy(batch.owners).to(world.device)
        return functional.normalize(text.project(sentences), dim=-1), pictures[owners], sentences

    def objective(batch: Batch, start: int, *own: Tensor) -> Tensor:
        """Return the loss of a whole batch from the vectors of our share of it."""
        captions, pictures, sentences = (
            world.join(rows, start, len(batch.captions)) for rows in own
        )
        loss: Tensor = loss_of(
            captions, pictures, torch.from_numpy(batch.image_ids).to(world.device)
        )
        if config.keep_text:
            loss = loss + config.keep_text * text_drift(captions, pictures, sentences)
        return scaler.scale(loss)

    def look() -> Metrics:
        """Return the recall on the held-out images."""
        with torch.inference_mode():
            captions, pictures = text.project(texts.held_out()), image.project(images.held_out())
            return recall(
                functional.normalize(captions, dim=-1).cpu().numpy(),
                functional.normalize(pictures, dim=-1).cpu().numpy(),
                held_out.caption_to_image,
            )

    for epoch in range(state["epoch"], config.epochs):
        if state["waited"] >= config.patience:
            progress(config.epochs * steps, config.epochs * steps, _title(fold, config))
            break
        started, losses = time.perf_counter(), list(state["losses"])
        trained.train()
        for batch in batches(own_captions, config, fold, epoch, first=len(losses)):
            torch.manual_seed(batch.seed + world.rank)
            own = batch.part(*world.share(len(batch.images)))
            optimizer.zero_grad()
            loss = backward_by_parts(
                split(own, config.chunk), vectors, partial(objective, batch, own.start)
            )
            losses.append(loss.item() / scaler.get_scale())
            if not math.isfinite(losses[-1]):
                raise TrainingError(
                    f"the loss became {losses[-1]} in epoch {epoch + 1}; lower learning_rate "
                    f"({config.learning_rate}), text_rate ({config.text_rate}) or image_rate "
                    f"({config.image_rate})"
                )
            world.add_gradients(trained.shared())
            scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(trained.parameters(), config.clip, foreach=True)
            scaler.step(optimizer)
            scaler.update()
            schedule.step()
            if average is not None:
                average.update_parameters(trained)
            done = epoch * steps + len(losses)
            log.add_scalar("loss", losses[-1], done)
            for group in optimizer.param_groups:
                log.add_scalar(f"rate/{group['name']}", group["lr"], done)
            progress(done, config.epochs * steps, _title(fold, config))
            if config.checkpoint_every and len(losses) % config.checkpoint_every == 0:
                save({**state, "epoch": epoch, "losses": losses})

        record = {"fold": fold, "epoch": epoch + 1, "loss": float(np.mean(losses))}
        if epoch + 1 == config.epochs or (
            config.is_judged and (epoch + 1) % config.evaluate_every == 0
        ):
            trained.eval()
            with lent_weights(trained, average):
                found = world.tell(look() if world.is_first else None)
                state = {**state, "waited": state["waited"] + 1}
                if state["metrics"] is None or quality(found) > quality(state["metrics"]):
                    state = {**state, "waited": 0, "metrics": found}
                    best_weights = {k: v.clone() for k, v in trained.state_dict().items()}
            for k in ("r1", "r5", "r10"):
                record[k] = found["text_to_image"][k]
            for way in ("text_to_image", "image_to_text"):
                for k in ("r1", "r5", "r10"):
                    log.add_scalar(f"{way}/{k}", found[way][k], (epoch + 1) * steps)
        record["seconds"] = round(time.perf_counter() - started, 2)
        history = [*state["history"], record]
        state = {**state, "epoch": epoch + 1, "losses": [], "history": history}
        save(state)

    trained.load_state_dict(best_weights)
    model.module.to("cpu").eval()
    return model, state["metrics"], state


def _title(fold: int, config: TrainConfig) -> str:
    return f"training fold {fold + 1} of {config.folds}" if config.folds else "training"
