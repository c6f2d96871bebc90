"""What the tests run in processes of their own: by torchrun, or to be killed.

python -m tests.embedding.processes gradients OUT
python -m tests.embedding.processes train FEATURES OUT [--resume] [SETTING=VALUE ...]
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from embedding.model.towers import lstm_tower
from embedding.training import parameters
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


def main(what: str, *rest: str) -> None:
    """Do one of the two."""
    if what == "gradients":
        with join_world("cpu") as world:
            for chunk in (0, 4):
                one_step(world, Path(rest[0]), chunk)
        return
    parameters.lstm_tower = small_lstm  # type: ignore[assignment]
    settings = dict(item.split("=") for item in rest[2:] if "=" in item)
    config = TrainConfig(**{**LSTM, **{key: json.loads(v) for key, v in settings.items()}})

    def report(done: int, total: int, what: str) -> None:
        sys.stdout.write(f"{done} {total} {what}\n")
        sys.stdout.flush()

    train(f"features:{rest[0]}", config, Path(rest[1]), resume="--resume" in rest, progress=report)


if __name__ == "__main__":
    main(*sys.argv[1:])
