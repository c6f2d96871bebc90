"""TensorBoard's event files, where they are asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from torch.optim import Optimizer

from embedding.errors import TrainingError
from embedding.evaluation.recall import Metrics

__all__ = ["EventLog", "event_log", "log_recall", "log_step"]


class EventLog(Protocol):
    """Where a training loop writes its curves."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> Any:
        """Note a value at a step."""


class _Silence:
    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Note nothing."""


@contextmanager
def event_log(directory: Path, *, wanted: bool) -> Iterator[EventLog]:
    """Give what writes event files into a directory, or what writes nothing.

    Raises:
        TrainingError: it is wanted, and the package tensorboard is not installed.
    """
    if not wanted:
        yield _Silence()
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TrainingError(
            f"tensorboard = true needs a package that is not installed ({error}); "
            "run: pip install 'showtell[tensorboard]'"
        ) from error
    with SummaryWriter(str(directory)) as writer:
        yield writer


def log_step(log: EventLog, step: int, loss: float, optimizer: Optimizer) -> None:
    """Note a step's loss and the rate of each parameter group."""
    log.add_scalar("loss", loss, step)
    for group in optimizer.param_groups:
        log.add_scalar(f"rate/{group['name']}", group["lr"], step)


def log_recall(log: EventLog, step: int, metrics: Metrics) -> None:
    """Note the recall of both directions."""
    for k in ("r1", "r5", "r10"):
        log.add_scalar(f"text_to_image/{k}", metrics["text_to_image"][k], step)
        log.add_scalar(f"image_to_text/{k}", metrics["image_to_text"][k], step)
