"""Train a re-ranker on the training pictures, judged by what it adds to a joint model on dev.

It learns by itself, from frozen networks and a text encoder of its own: a joint model knows its
training pictures by heart, and beside what it says of them there would be nothing to learn.
"""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.rerank.config import RerankConfig
from benchmarks.rerank.evaluate import best_weight, find_candidates, grids_of, score_candidates
from benchmarks.rerank.grids import GridSource, extract_grids
from benchmarks.rerank.model import Reranker
from embedding.data.pairs import Pairs, load_pairs
from embedding.errors import DataError
from embedding.evaluation.recall import Embedded, Metrics, embed_pairs, measure, quality
from embedding.model.joint import JointEmbedding
from embedding.model.precision import autocast
from embedding.progress import Progress, silent
from embedding.training.batches import batches, captions_of, steps_of
from embedding.training.config import TrainConfig
from embedding.training.parameters import (
    check_finite,
    lent_weights,
    moving_average,
    optimizer_of,
    tune_transformers,
)
from retrieval.search.query_bank import choose_requests

__all__ = ["RerankResult", "fit_reranker", "train_reranker"]


@dataclass(frozen=True)
class RerankResult:
    """What training a re-ranker gave.

    Attributes:
        directory: the saved re-ranker.
        before: recall of the joint model alone on the dev split, its candidates as ranked.
        after: with its first candidates re-ranked.
        weight: of the re-ranker's score beside the cosine.
        history: one record an epoch: loss, seconds and, where looked at, weight and r1.
    """

    directory: Path
    before: Metrics
    after: Metrics
    weight: float
    history: list[dict[str, Any]]


def train_reranker(
    model: JointEmbedding,
    data: str,
    config: RerankConfig,
    out: Path,
    *,
    ranked_by: Callable[[Embedded], Embedded] | None = None,
    cache_dir: Path | None = None,
    progress: Progress = silent,
) -> RerankResult:
    """Train on the train split, keep the best epoch on the dev split, and save it in ``out``.

    Args:
        model: the joint model that finds the candidates.
        data: ``KIND:PATH``, with pictures.
        config: the settings.
        out: the re-ranker's directory.
        ranked_by: makes of the joint vectors those whose inner products rank the candidates;
            None ranks them by cosine.
        cache_dir: where grids and image features are kept between runs.
        progress: told about grids and training.

    Raises:
        DataError: the data cannot be used.
        ModelError: a network, a text encoder or the joint model cannot be used.
        TrainingError: the loss is no longer a number.
    """
    learned = load_pairs(data, "train", progress=progress)
    judged = load_pairs(data, "dev", progress=progress)
    with extract_grids(
        learned,
        config.network_names,
        config.image_size,
        config.side,
        cache_dir=cache_dir,
        progress=progress,
    ) as grids:
        learned = learned.subset(grids.kept)
        embedded = embed_pairs(model, judged, cache_dir=cache_dir, progress=progress)
        embedded = embedded if ranked_by is None else ranked_by(embedded)
        with grids_of(
            embedded.pairs, config, cache_dir=cache_dir, progress=progress
        ) as judged_grids:
            reranker, after, history = fit_reranker(
                learned, grids, embedded, judged_grids, config, progress=progress
            )
    before = measure(embedded)
    record = {
        "data": {"name": data, "fingerprint": learned.fingerprint()},
        "model": model.name,
        "before": before,
        "metrics": after,
        "history": history,
    }
    reranker.save(out, record)
    return RerankResult(out, before, after, reranker.weight, history)


def fit_reranker(
    learned: Pairs,
    grids: GridSource,
    judged: Embedded,
    judged_grids: GridSource,
    config: RerankConfig,
    *,
    progress: Progress = silent,
) -> tuple[Reranker, Metrics, list[dict[str, Any]]]:
    """Return the re-ranker as it was when best, its recall, and a record of each epoch.

    Args:
        learned: pictures and captions to train on.
        grids: of its pictures.
        judged: others, in the joint space.
        judged_grids: of theirs.
        config: the settings.
        progress: told about training.

    Raises:
        DataError: fewer than two pictures have captions.
        TrainingError: the loss is no longer a number.
    """
    own_captions = captions_of(learned)
    if sum(len(own) > 0 for own in own_captions) < 2:
        raise DataError(f"{learned.name} has fewer than two pictures with captions to train on")
    found = find_candidates(judged, config.candidates)
    order = TrainConfig(
        batch_size=config.batch_size,
        captions_per_image=config.captions_per_image,
        seed=config.seed,
    )
    torch.manual_seed(config.seed)
    reranker = Reranker.build(config, np.asarray(grids[np.array([0])]).shape[2])
    reranker.requests = tuple(choose_requests(learned.captions))
    tune_transformers([reranker.text], train_words=False)
    average = moving_average(reranker, config.average)
    scale = nn.Parameter(torch.tensor(-math.log(config.temperature)))
    steps = steps_of(len(learned.image_ids), order)
    optimizer, schedule = optimizer_of(
        _groups(reranker, scale, config),
        steps * config.epochs,
        weight_decay=config.weight_decay,
        warmup=config.warmup,
    )
    best: tuple[float, float, Metrics, Mapping[str, Tensor]] | None = None
    history: list[dict[str, Any]] = []
    for epoch in range(config.epochs):
        started, losses = time.perf_counter(), list[float]()
        reranker.train()
        for batch in batches(own_captions, order, 0, epoch):
            torch.manual_seed(batch.seed)
            places = torch.from_numpy(np.asarray(grids[batch.images], dtype=np.float32))
            with autocast(config.precision):
                captions = reranker.read([learned.captions[i] for i in batch.captions])
                scores = reranker.score(captions, reranker.look(places))
            loss = _contrast(scores * scale.exp(), torch.from_numpy(batch.owners))
            check_finite(
                loss.item(), epoch, learning_rate=config.learning_rate, text_rate=config.text_rate
            )
            optimizer.zero_grad()
            loss.backward()
            learning = [*reranker.parameters(), scale]
            nn.utils.clip_grad_norm_(learning, config.clip, foreach=True)
            optimizer.step()
            schedule.step()
            if average is not None:
                average.update_parameters(reranker)
            losses.append(loss.item())
            progress(epoch * steps + len(losses), config.epochs * steps, "training the re-ranker")
        record: dict[str, Any] = {"epoch": epoch + 1, "loss": float(np.mean(losses))}
        if epoch + 1 == config.epochs or (epoch + 1) % config.evaluate_every == 0:
            reranker.eval()
            with lent_weights(reranker, average):
                scored = score_candidates(
                    reranker,
                    reranker.read_all(judged.pairs.captions),
                    reranker.look_all(judged_grids),
                    found,
                )
                weight, metrics = best_weight(found, *scored, images=len(judged_grids))
                if best is None or quality(metrics) > best[0]:
                    weights = {name: value.clone() for name, value in reranker.state_dict().items()}
                    best = (quality(metrics), weight, metrics, weights)
            record |= {"weight": weight, "r1": metrics["text_to_image"]["r1"]}
        history.append({**record, "seconds": round(time.perf_counter() - started, 2)})
    if best is None:
        raise AssertionError("the last epoch is always looked at")
    reranker.load_state_dict(best[3])
    reranker.weight = best[1]
    return reranker.eval(), best[2], history


def _contrast(scores: Tensor, owners: Tensor) -> Tensor:
    """Return InfoNCE both ways: captions among pictures, and pictures among captions.

    Unlike ``InfoNCELoss``, which leaves a caption's siblings out, this one gives a picture's
    captions shares of its probability: here it ranks pictures, not captions.

    Args:
        scores: (m, n) of captions and pictures, in units of the temperature.
        owners: (m,) the picture of each caption; each picture has at least one.
    """
    own = owners[:, None] == torch.arange(scores.shape[1])
    shares = own / own.sum(dim=0)
    return (
        functional.cross_entropy(scores, owners) + functional.cross_entropy(scores.mT, shares.mT)
    ) / 2


def _groups(reranker: Reranker, scale: nn.Parameter, config: RerankConfig) -> list[dict[str, Any]]:
    """Return the optimiser's parameter groups: the text encoder's own rate, and the rest's."""
    text = {id(p) for p in reranker.text.parameters()}
    learning = [p for p in (*reranker.parameters(), scale) if p.requires_grad]
    return [
        {"params": [p for p in learning if id(p) in text], "lr": config.text_rate},
        {"params": [p for p in learning if id(p) not in text], "lr": config.learning_rate},
    ]
