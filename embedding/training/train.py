"""Train a joint embedding of captions and pictures.

A minute's run on a folder of pictures with captions.csv (columns file, caption):

    showtell train --data csv:pictures --out runs/mine

Flickr8k with the default settings, about twelve minutes on two cores, features included:

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

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from embedding.data.pairs import Pairs
from embedding.evaluation.recall import Metrics, quality, recall
from embedding.model.joint import JointEmbedding
from embedding.model.precision import best_precision
from embedding.progress import Progress, silent
from embedding.training.batches import Batch, batches, captions_of, split, steps_of
from embedding.training.checkpoint import Checkpoint
from embedding.training.config import TrainConfig
from embedding.training.distributed import World, join_world
from embedding.training.event_log import EventLog, event_log, log_recall, log_step
from embedding.training.gradient_cache import backward_by_parts
from embedding.training.inputs import Lesson, Texts, images_of
from embedding.training.losses import build_loss, taught, text_drift
from embedding.training.parameters import (
    Trainable,
    check_finite,
    lent_weights,
    moving_average,
    optimizer_of,
    start_towers,
)
from embedding.training.prepare import TrainingData, gather
from embedding.training.run_files import TrainResult, save_model, save_record

__all__ = ["train"]

# How far a run is; what a checkpoint holds beside the tensors.
_FRESH: dict[str, Any] = {
    "fold": 0,
    "epoch": 0,
    "losses": [],  # of the steps of this epoch
    "waited": 0,  # looks at the dev split without improvement
    "metrics": None,  # the best of this fold
    "folds": [],  # the best of each finished fold
    "history": [],  # a record of each epoch
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
                model, metrics, state = _train_fold(
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


def _train_fold(
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
    device = world.device
    part = gathered.parts[fold]
    learned, held_out = (gathered.pairs.subset(images) for images in part)
    own_captions = captions_of(learned)
    steps = steps_of(len(learned.image_ids), config)

    # Model, loss, optimiser.
    torch.manual_seed(config.seed + fold)
    text, image = start_towers(learned.captions, gathered.image, config)
    name = config.start_from or f"{config.text_tower}+{config.image_tower}"
    model = JointEmbedding.from_towers(text, image, name=Path(name).name)
    model.module.to(device)
    loss_of = build_loss(config.loss, margin=config.margin, temperature=config.temperature)
    trained = Trainable(text, image, loss_of, config).to(device)
    average = moving_average(trained, config.average)
    optimizer, schedule = optimizer_of(
        trained.groups(),
        steps * config.epochs,
        weight_decay=config.weight_decay,
        warmup=config.warmup,
    )
    # Gradients in float16 would vanish; scaled up they do not. Elsewhere it scales by one.
    is_float16 = best_precision(config.precision, device) == "float16"
    scaler = torch.amp.GradScaler(device.type, enabled=is_float16)
    texts = Texts(model, learned.captions, held_out.captions, config, device)
    images = images_of(image, gathered, part, config, device)
    lesson = Lesson(gathered.lessons[fold], device) if gathered.lessons else None

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
            states = {name: keeper.state_dict() for name, keeper in keepers.items()}
            checkpoint.save({**states, "best": best_weights}, state)

    def encode(batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return unit vectors of captions and of their images, and the captions' own."""
        sentences = texts.of(batch)
        captions = functional.normalize(text.project(sentences), dim=-1)
        pictures = functional.normalize(image.project(images.of(batch)), dim=-1)
        return captions, pictures[torch.from_numpy(batch.owners).to(device)], sentences

    def objective(batch: Batch, start: int, *own: Tensor) -> Tensor:
        """Return the loss of a whole batch from the vectors of our share of it."""
        captions, pictures, sentences = (
            world.join(rows, start, len(batch.captions)) for rows in own
        )
        image_ids = torch.from_numpy(batch.image_ids).to(device)
        if lesson is None:
            loss: Tensor = loss_of(captions, pictures, image_ids)
        else:
            loss = taught(captions @ pictures.T, lesson.similarities(batch))
        if config.keep_text:
            loss = loss + config.keep_text * text_drift(captions, pictures, sentences)
        return scaler.scale(loss)

    def step(batch: Batch) -> float:
        """Learn from a batch; return its loss."""
        # The same dropout whatever came before, so that a resumed run is the run it was.
        torch.manual_seed(batch.seed + world.rank)
        own = batch.part(*world.share(len(batch.images)))
        optimizer.zero_grad()
        parts = split(own, config.chunk)
        loss = backward_by_parts(parts, encode, partial(objective, batch, own.start))
        world.add_gradients(trained.shared())
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(trained.parameters(), config.clip, foreach=True)
        scaler.step(optimizer)
        value = loss.item() / scaler.get_scale()
        scaler.update()
        schedule.step()
        if average is not None:
            average.update_parameters(trained)
        return value

    @torch.inference_mode()
    def evaluate() -> Metrics:
        """Return the recall on the held-out images."""
        captions, pictures = text.project(texts.held_out()), image.project(images.held_out())
        return recall(
            functional.normalize(captions, dim=-1).cpu().numpy(),
            functional.normalize(pictures, dim=-1).cpu().numpy(),
            held_out.caption_to_image,
        )

    total = steps * config.epochs
    title = f"training fold {fold + 1} of {config.folds}" if config.folds else "training"
    for epoch in range(state["epoch"], config.epochs):
        if state["waited"] >= config.patience:
            progress(total, total, title)
            break
        started, losses = time.perf_counter(), list(state["losses"])
        trained.train()
        for batch in batches(own_captions, config, fold, epoch, first=len(losses)):
            losses.append(step(batch))
            check_finite(
                losses[-1],
                epoch,
                learning_rate=config.learning_rate,
                text_rate=config.text_rate,
                image_rate=config.image_rate,
            )
            done = epoch * steps + len(losses)
            log_step(log, done, losses[-1], optimizer)
            progress(done, total, title)
            if config.checkpoint_every and len(losses) % config.checkpoint_every == 0:
                save({**state, "epoch": epoch, "losses": losses})
        record = {"fold": fold, "epoch": epoch + 1, "loss": float(np.mean(losses))}

        is_last = epoch + 1 == config.epochs
        if is_last or (config.is_judged and (epoch + 1) % config.evaluate_every == 0):
            trained.eval()
            with lent_weights(trained, average):
                metrics = world.from_first(evaluate() if world.is_first else None)
                state = {**state, "waited": state["waited"] + 1}
                if state["metrics"] is None or quality(metrics) > quality(state["metrics"]):
                    state = {**state, "waited": 0, "metrics": metrics}
                    best_weights = {k: v.clone() for k, v in trained.state_dict().items()}
            record |= {k: metrics["text_to_image"][k] for k in ("r1", "r5", "r10")}
            log_recall(log, (epoch + 1) * steps, metrics)

        record["seconds"] = round(time.perf_counter() - started, 2)
        history = [*state["history"], record]
        state = {**state, "epoch": epoch + 1, "losses": [], "history": history}
        save(state)

    trained.load_state_dict(best_weights)
    model.module.to("cpu").eval()
    return model, state["metrics"], state
