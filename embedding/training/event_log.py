"""TensorBoard's event files, where they are asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from embedding.errors import TrainingError

__all__ = ["EventLog", "event_log"]


class EventLog(Protocol):
    """What a training loop tells of itself."""

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
