"""What a training run leaves behind: the model, and a readable record of how it came about."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from embedding.data.folds import Indices
from embedding.data.pairs import Pairs, Skipped
from embedding.errors import TrainingError
from embedding.evaluation.recall import Metrics
from embedding.model.joint import JointEmbedding
from embedding.progress import Progress, silent
from embedding.training.batches import captions_of
from embedding.training.config import TrainConfig
from embedding.training.prepare import TrainingData, divide

__all__ = ["TrainResult", "judged_pairs", "read_record", "save_model", "save_record"]

RECORD = "training.json"
MOST_REQUESTS = 2500
"""How many captions, of as many images, are saved with a model."""


@dataclass(frozen=True)
class TrainResult:
    """What a run made.

    Attributes:
        model_dir: the saved model.
        metrics: its recall on the dev split, its fold's, or the pictures it learned.
        folds: recall of each fold; empty without cross-validation.
        history: one record an epoch: fold, epoch, loss, seconds and, where looked at, r1.
        skipped: pictures that could not be used, and why.
        config: the settings, automatic ones decided.
    """

    model_dir: Path
    metrics: Metrics
    folds: list[Metrics]
    history: list[dict[str, Any]]
    skipped: list[Skipped]
    config: TrainConfig


def save_model(
    model: JointEmbedding,
    metrics: Metrics,
    gathered: TrainingData,
    learned: Indices,
    config: TrainConfig,
    out: Path,
) -> None:
    """Write ``out / "model"`` with the settings, the data set and the metrics beside it.

    Some of the captions of the ``learned`` images go with it as ``requests``: an index compares its
    pictures with what people typically say. Not where every picture was learned: such a model is
    for these very pictures, and each of them is near to what was said of others like it.
    """
    data = {
        "name": gathered.pairs.name,
        "fingerprint": gathered.pairs.fingerprint(),
        "images": len(gathered.pairs.image_ids),
        "captions": len(gathered.pairs.captions),
        "attribution": gathered.pairs.attribution,
    }
    captions = captions_of(gathered.pairs)
    random = np.random.default_rng(config.seed)
    chosen = random.permutation(learned)[: MOST_REQUESTS if config.is_judged else 0]
    requests = [gathered.pairs.captions[random.choice(captions[image])] for image in chosen]
    model.save(
        out / "model",
        {
            "training": config.to_json(),
            "data": data,
            "metrics": metrics,
            "requests": sorted(requests),
        },
    )


def save_record(result: TrainResult, pairs: Pairs, out: Path) -> None:
    """Write ``out / RECORD``: settings, metrics, folds and the curves."""
    record = {
        "settings": result.config.to_json(),
        "data": {"name": pairs.name, "fingerprint": pairs.fingerprint()},
        "metrics": result.metrics,
        "folds": result.folds,
        "history": result.history,
        "skipped": [vars(item) for item in result.skipped],
    }
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    (out / RECORD).write_text(text, encoding="utf-8")


def read_record(run: Path) -> dict[str, Any]:
    """Return what ``save_record`` wrote into a run's directory; empty where nothing did.

    Raises:
        TrainingError: the file is there and is no such record.
    """
    path = run / RECORD
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise TrainingError(f"{path} is damaged ({error}); train again or delete it") from error
    if not isinstance(record, dict):
        raise TrainingError(f"{path} holds no record of a run; train again or delete it")
    return record


def judged_pairs(data: str, result: TrainResult, *, progress: Progress = silent) -> Pairs:
    """Return the pairs that the model of a run was judged by.

    They are the dev split, or what the best fold held out, or everything where all is learned.

    Raises:
        DataError: the data are not there any more.
    """
    fold = result.folds.index(result.metrics) if result.folds else 0
    pairs, parts = divide(data, result.config, progress)
    return pairs.subset(parts[fold][1])
