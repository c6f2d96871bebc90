"""Our training loop against the plain loop of the original joint-embedding recipe, in one run.

    python benchmarks/train_speed.py ../shared/flickr8k --cache .showtell/cache
    python benchmarks/train_speed.py ../shared/flickr8k --cache .showtell/cache --to-recall

The plain loop (plain_recipe.py) gets the same features, batch size and layer sizes as ours. They
take turns, and the median of all steps of each counts.

Prints JSON: pairs a second of both and their ratio, where our time goes, and with --to-recall the
seconds that ours takes to the recall that the recipe has after its epochs. Says on standard error
how far it is. Neither loop's figures count the extraction of image features.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import embedding.training.train as ours
from benchmarks.plain_recipe import BATCH, MARGIN, PlainLoop
from embedding.data.pairs import Pairs, load_pairs
from embedding.evaluation.recall import Metrics, recall
from embedding.model.feature_cache import extract_features
from embedding.model.joint import JointEmbedding
from embedding.model.precision import best_precision
from embedding.model.towers import Tower, feature_tower, image_tower
from embedding.training.config import TrainConfig
from embedding.training.losses import PairLoss

LSTM = 512
"""State of our caption LSTM (embedding/model/towers.py)."""
MOST_EPOCHS = 40


def tell(sentence: str) -> None:
    """Say how far it is."""
    print(sentence, file=sys.stderr, flush=True)


def load(flickr8k: Path, split: str, images: int, cache: Path | None) -> Pairs:
    """Return a split as captions and features of EfficientNet-Lite0, the first images of it."""
    pairs = load_pairs(f"flickr8k:{flickr8k}", split)
    pairs = pairs.subset(range(min(images, len(pairs.image_ids))))
    tower = image_tower("efficientnet-lite0", 8, hidden=0, dropout=0.0)
    eyes = JointEmbedding.from_towers(feature_tower(1, 8), tower, name="eyes")
    tell(f"features of {len(pairs.image_ids)} {split} images")
    found = extract_features(eyes, pairs, cache_dir=cache)
    kept = pairs.subset(found.kept)
    values = {**vars(kept), "features": found.vectors[0], "image_paths": None}
    return Pairs(**values)


class Clock:
    """Adds up the time spent in some functions, and notes it after each step of a loop."""

    def __init__(self) -> None:
        self.spent = {"forward": 0.0, "backward": 0.0, "optimizer": 0.0}
        self.depth = 0
        self.notes: list[tuple[float, dict[str, float]]] = []

    def note(self) -> None:
        """Mark the end of a step."""
        self.notes.append((time.perf_counter(), dict(self.spent)))

    def timed(self, kind: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its time added up."""

        def run(*args: Any, **kwargs: Any) -> Any:
            started, self.depth = time.perf_counter(), self.depth + 1
            try:
                return function(*args, **kwargs)
            finally:
                self.depth -= 1
                if not self.depth:  # what is called inside is counted once
                    self.spent[kind] += time.perf_counter() - started

        return run

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Time the parts of our loop, wherever it calls them."""
        parts = [
            (Tower, "encode", "forward"),
            (Tower, "project", "forward"),
            (PairLoss, "forward", "forward"),
            (torch.Tensor, "backward", "backward"),
            (torch.autograd, "backward", "backward"),
            (torch.optim.AdamW, "step", "optimizer"),
        ]
        patches = [
            mock.patch.object(owner, name, self.timed(kind, getattr(owner, name)))
            for owner, name, kind in parts
        ]
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in patches:
                patch.stop()

    def steps(self) -> list[tuple[float, dict[str, float]]]:
        """Return the seconds of each step, and of its parts, the first two left out."""
        return [
            (after - before, {kind: spent[kind] - past[kind] for kind in spent})
            for (before, past), (after, spent) in zip(self.notes[2:-1], self.notes[3:], strict=True)
        ]


class Enough(Exception):
    """Raised out of our loop once it has shown what was asked."""


def our_steps(pairs: Pairs, config: TrainConfig, steps: int) -> Clock:
    """Run so many steps of our loop and return their times."""
    clock = Clock()

    def progress(done: int, total: int, what: str) -> None:  # noqa: ARG001
        if what.startswith("training"):
            clock.note()
            if len(clock.notes) > steps:
                raise Enough

    config = config.changed(epochs=1000, evaluate_every=1000)
    with tempfile.TemporaryDirectory() as folder, clock.watching(), suppress(Enough):
        ours.train(pairs, config, Path(folder), progress=progress)
    return clock


def compare_speed(pairs: Pairs, options: argparse.Namespace) -> dict[str, Any]:
    """Return pairs a second of both loops, alternating, and the shares of our time."""
    config = TrainConfig(
        text_tower="lstm",
        loss="ranking",
        margin=MARGIN,
        dimension=options.dimension,
        image_hidden=0,
        dropout=0.0,
        batch_size=BATCH,
        precision=options.precision,
    )
    # A step must not be the last of an epoch, which writes a checkpoint of its own.
    steps = min(options.steps, max(4, int(0.9 * len(pairs.image_ids)) // BATCH - 1))
    plain, mine, shares = [], [], []
    loop = PlainLoop(pairs, LSTM, options.dimension)
    for number in range(options.rounds):
        clock = Clock()
        for _ in loop.epoch():
            clock.note()
            if len(clock.notes) > steps:
                break
        plain += [seconds for seconds, _ in clock.steps()]
        found = our_steps(pairs, config, steps).steps()
        mine += [seconds for seconds, _ in found]
        shares += found
        tell(
            f"round {number + 1} of {options.rounds}: plain {BATCH / plain[-1]:.0f} pairs/s, "
            f"ours {BATCH / mine[-1]:.0f} pairs/s"
        )
    total = sum(seconds for seconds, _ in shares)
    spent = {kind: sum(parts[kind] for _, parts in shares) / total for kind in shares[0][1]}
    rates = BATCH / statistics.median(plain), BATCH / statistics.median(mine)
    return {
        "batch": BATCH,
        "precision": best_precision(options.precision),
        "threads": torch.get_num_threads(),
        "plain_pairs_per_second": round(rates[0], 1),
        "our_pairs_per_second": round(rates[1], 1),
        "ratio": round(rates[1] / rates[0], 2),
        "our_share_of_time": {kind: round(share, 3) for kind, share in spent.items()},
        "our_share_outside_forward_and_backward": round(
            1 - spent["forward"] - spent["backward"], 3
        ),
    }


def seconds_to(target: Metrics, pairs: Pairs, dev: Pairs, config: TrainConfig) -> dict[str, Any]:
    """Return the wall time, looks at the dev images included, until a recall is reached."""
    wanted = target["text_to_image"]
    border = len(pairs.image_ids)
    assert pairs.features is not None
    assert dev.features is not None
    both = Pairs(
        name="flickr8k train and dev",
        image_ids=[*pairs.image_ids, *dev.image_ids],
        captions=[*pairs.captions, *dev.captions],
        caption_to_image=np.concatenate([pairs.caption_to_image, dev.caption_to_image + border]),
        features=np.concatenate([pairs.features, dev.features]),
    )
    parts = (both, [(np.arange(border), np.arange(border, len(both.image_ids)))])
    started = time.perf_counter()
    looks: list[tuple[float, Metrics]] = []

    def watched(*args: Any, **kwargs: Any) -> Metrics:
        found = recall(*args, **kwargs)
        looks.append((time.perf_counter() - started, found))
        now = found["text_to_image"]
        tell(f"  {looks[-1][0]:.0f} s: {now['r1']} / {now['r5']} / {now['r10']}")
        if all(now[key] >= wanted[key] for key in ("r1", "r5", "r10")):
            raise Enough
        return found

    reached = False
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch("embedding.training.prepare.divide", return_value=parts),
        mock.patch.object(ours, "recall", watched),
    ):
        try:
            ours.train(both, config, Path(folder))
        except Enough:
            reached = True
    seconds, found = looks[-1]
    return {
        "reached": reached,
        "seconds": round(seconds, 1),
        "epochs": len(looks),
        "text_to_image": found["text_to_image"],
    }


def compare_recall(pairs: Pairs, dev: Pairs, options: argparse.Namespace) -> dict[str, Any]:
    """Return how long the recipe's epochs take, and how long ours take to the same recall."""
    tell(f"the recipe, {options.epochs} epochs of {len(pairs.captions)} pairs")
    loop = PlainLoop(pairs, options.hidden, options.hidden)
    started = time.perf_counter()
    for epoch in range(options.epochs):
        for _ in loop.epoch():
            pass
        tell(f"  epoch {epoch + 1}: {time.perf_counter() - started:.0f} s")
    seconds = time.perf_counter() - started
    target = loop.measure(dev)
    tell(f"  {target['text_to_image']}")
    found: dict[str, Any] = {
        "recipe": {"seconds": round(seconds, 1), "text_to_image": target["text_to_image"]}
    }
    settings = {
        "default": TrainConfig(evaluate_every=1, precision=options.precision),
        "lstm": TrainConfig(
            text_tower="lstm",
            image_hidden=0,
            batch_size=BATCH,
            epochs=MOST_EPOCHS,
            patience=MOST_EPOCHS,
            evaluate_every=1,
            precision=options.precision,
        ),
    }
    for name, config in settings.items():
        tell(f"ours, {name} settings")
        mine = seconds_to(target, pairs, dev, config)
        if mine["reached"]:
            mine["times_less"] = round(seconds / mine["seconds"], 1)
        found[f"ours_{name}"] = mine
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("flickr8k", type=Path)
    parser.add_argument("--cache", type=Path, help="where training keeps image features")
    parser.add_argument("--images", type=int, default=6000, help="of the train split")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each loop")
    parser.add_argument("--steps", type=int, default=30, help="of each loop in a turn")
    parser.add_argument("--dimension", type=int, default=512, help="of the joint space")
    parser.add_argument("--precision", default="auto", help="of our loop: auto or float32")
    parser.add_argument("--to-recall", action="store_true", help="train both, too (long)")
    parser.add_argument("--epochs", type=int, default=5, help="of the recipe")
    parser.add_argument("--hidden", type=int, default=1024, help="the recipe's LSTM, to recall")
    options = parser.parse_args()
    pairs = load(options.flickr8k, "train", options.images, options.cache)
    figures = compare_speed(pairs, options)
    if options.to_recall:
        dev = load(options.flickr8k, "dev", options.images, options.cache)
        figures["to_recall"] = compare_recall(pairs, dev, options)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
