"""One training run on several processes, started by torchrun; or on one, with nothing of it felt.

Each process encodes its share of a batch. The vectors of all shares are joined, and every process
computes the loss of the whole batch, so negatives come from the whole batch too.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from embedding.errors import TrainingError

__all__ = ["World", "is_first_process", "join_world"]

_PATIENCE = timedelta(hours=12)
"""How long the others wait while the first process reads pictures or evaluates."""


@dataclass(frozen=True)
class World:
    """The processes of a run.

    Attributes:
        device: where this process computes.
        rank: number of this process, from 0.
        size: number of processes.
    """

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process evaluates, saves and reports."""
        return self.rank == 0

    def share(self, n: int) -> tuple[int, int]:
        """Return where this process's share of ``n`` things starts and stops.

        Raises:
            TrainingError: there is not one for each process.
        """
        if n < self.size:
            raise TrainingError(
                f"a batch has {n} images for {self.size} processes; set a larger batch_size, or "
                "start fewer processes"
            )
        return n * self.rank // self.size, n * (self.rank + 1) // self.size

    def join(self, own: Tensor, start: int, n: int) -> Tensor:
        """Return (n, d): the rows of all processes, with gradient to our own.

        A sum of matrices that are zero but for their own rows, since all_gather wants shares of
        equal size and the last batch of an epoch has none.

        Args:
            own: this process's rows.
            start: which row of the whole our first one is.
            n: number of rows of the whole.
        """
        if self.size == 1:
            return own
        joined: Tensor = _Join.apply(own, start, n)  # type: ignore[no-untyped-call]
        return joined

    def add_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace gradients by their sum over the processes.

        The sum, not the mean: each process has the share of the gradient of one whole loss that
        flows through its own rows.
        """
        gradients = [p.grad for p in parameters if p.grad is not None]
        if self.size == 1 or not gradients:
            return
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        totals = torch.split(flat, [gradient.numel() for gradient in gradients])
        for gradient, total in zip(gradients, totals, strict=True):
            gradient.copy_(total.view_as(gradient))

    def from_first(self, value: Any) -> Any:
        """Return the value that the first process has, in every process."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """Let the first process do something before the others, who find it in the cache."""
        if self.size > 1 and not self.is_first:
            dist.barrier()
        yield
        if self.size > 1 and self.is_first:
            dist.barrier()


def is_first_process() -> bool:
    """Tell whether this is the process that reports, of those that torchrun started, or alone."""
    return int(os.environ.get("RANK", "0")) == 0


class _Join(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, own: Tensor, start: int, n: int) -> Tensor:
        context.rows = slice(start, start + len(own))
        whole = own.new_zeros((n, *own.shape[1:]))
        whole[context.rows] = own
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        # Every process computes the same whole loss, so it already has the whole gradient to its
        # own rows. Summing over processes, as all_reduce's own backward pass would, would count
        # each row as often as there are processes.
        return gradients[0][context.rows], None, None


@contextmanager
def join_world(device: str) -> Iterator[World]:
    """Give the processes that torchrun started; without it, this one alone.

    Args:
        device: auto, cpu or cuda; auto takes cuda where it is there.

    Raises:
        TrainingError: cuda is wanted and not there.
    """
    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise TrainingError("the device is 'cuda', but torch finds none; set device = \"cpu\"")
    kind = "cuda" if has_cuda and device != "cpu" else "cpu"
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World(torch.device(kind))
        return
    place = torch.device(kind)
    if kind == "cuda":
        place = torch.device(kind, int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if kind == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield World(place, dist.get_rank(), size)
    finally:
        dist.destroy_process_group()
