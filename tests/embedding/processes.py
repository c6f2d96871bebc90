"""What the tests run in processes of their own: by torchrun, or to be killed.

python -m tests.embedding.processes together FEATURES OUT
python -m tests.embedding.processes killed FEATURES OUT SETTINGS STEP...
"""

import json
import multiprocessing
import os
import signal
import sys
from contextlib import nullcontext
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from embedding.model.towers import lstm_tower
from embedding.training import parameters
from embedding.training import train as training
from embedding.training.batches import batches, split
from embedding.training.config import TrainConfig
from embedding.training.distributed import World, join_world
from embedding.training.gradient_cache import backward_by_parts
from embedding.training.losses import InfoNCELoss
from embedding.training.train import train

small_lstm = partial(lstm_tower, words=32, hidden=64)
LSTM: dict[str, Any] = {
    "text_tower": "lstm",
    "dimension": 16,
    "image_hidden": 0,
    "dropout": 0.0,
    "epochs": 4,
    "batch_size": 20,
    "captions_per_image": 2,
    "evaluate_every": 2,
    "device": "cpu",
    "precision": "float32",
}


def one_step(world: World, out: Path, chunk: int) -> None:
    """Write the loss and the gradients of one step of two linear towers, as OUT/CHUNK-RANK.pt."""
    random = torch.Generator().manual_seed(0)
    words, pixels = torch.randn(21, 6, generator=random), torch.randn(9, 5, generator=random)
    own_captions = [np.arange(i * 2, i * 2 + 2 + (i == 8)) for i in range(9)]
    config = TrainConfig(batch_size=27, captions_per_image=3, chunk=chunk)
    torch.manual_seed(1)
    text, image, loss_of = nn.Linear(6, 4), nn.Linear(5, 4), InfoNCELoss(0.2)
    (batch,) = batches(own_captions, config, 0, 0)
    own = batch.part(*world.share(len(batch.images)))

    def encode(part: Any) -> tuple[Tensor, Tensor]:
        unit = nn.functional.normalize
        pictures = unit(image(pixels[part.images]), dim=1)[part.owners]
        return unit(text(words[part.captions]), dim=1), pictures

    def objective(*rows: Tensor) -> Tensor:
        joined = [world.join(r, own.start, len(batch.captions)) for r in rows]
        return loss_of(*joined, torch.from_numpy(batch.image_ids))

    loss = backward_by_parts(split(own, chunk), encode, objective)
    world.add_gradients([*text.parameters(), *image.parameters()])
    named = nn.ModuleDict({"text": text, "image": image, "loss": loss_of}).named_parameters()
    gradients = {name: value.grad for name, value in named}
    file = out / f"{chunk}-{world.rank}.pt"
    torch.save({"loss": loss, "own": len(own.captions), **gradients}, file)


def learn_together(features: str, out: Path) -> None:
    """Write gradients to OUT, and the run of a training to OUT/run, in one world of processes."""
    with join_world("cpu") as world:
        for chunk in (0, 4):
            one_step(world, out, chunk)
        training.join_world = lambda _device: nullcontext(world)  # type: ignore[assignment]
        train(f"features:{features}", TrainConfig(**LSTM), out / "run")


def kill_and_resume(features: str, out: Path, config: TrainConfig, step: int) -> dict[str, Any]:
    """Train in a process that is killed after a step, wherever it is by then, and go on in another.

    Both are forks of this one: to import torch takes longer than the training.
    """
    processes = multiprocessing.get_context("fork")

    def start(*, resume: bool) -> tuple[Any, Connection]:
        steps, told = processes.Pipe(duplex=False)

        def run() -> None:
            train(
                f"features:{features}",
                config,
                out,
                resume=resume,
                progress=lambda done, _total, _what: told.send(done),
            )

        process = processes.Process(target=run)
        process.start()
        told.close()
        return process, steps

    first, steps = start(resume=False)
    while steps.recv() != step:
        pass
    os.kill(first.pid, signal.SIGKILL)  # in mid-epoch
    first.join()
    had_model = (out / "model").exists()
    second, steps = start(resume=True)
    went_on_at = steps.recv()
    second.join()
    codes = [first.exitcode, second.exitcode]
    return {"codes": codes, "had_model": had_model, "went_on_at": went_on_at}


def main(what: str, features: str, out: str, *rest: str) -> None:
    """Do one of the two."""
    parameters.lstm_tower = small_lstm  # type: ignore[assignment]
    if what == "together":
        learn_together(features, Path(out))
        return
    config = TrainConfig(**{**LSTM, **json.loads(rest[0])})
    ended = {
        step: kill_and_resume(features, Path(out) / step, config, int(step)) for step in rest[1:]
    }
    sys.stdout.write(json.dumps(ended))


if __name__ == "__main__":
    main(*sys.argv[1:])
