"""What an interrupted training run needs to go on: tensors in one file, the rest readable."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from embedding.errors import TrainingError
from embedding.model_files import replaced_directory

__all__ = ["Checkpoint"]


class Checkpoint:
    """The directory ``RUN/checkpoint``, replaced as a whole after each epoch.

    Args:
        directory: where it lies.
        identity: what must be equal for a run to be the same one (settings and data).
    """

    def __init__(self, directory: Path, identity: dict[str, Any]) -> None:
        self.directory = directory
        self.identity = json.loads(json.dumps(identity))

    def save(self, tensors: dict[str, Any], progress: dict[str, Any]) -> None:
        """Write tensors (state dictionaries) and readable progress; the old ones go."""
        with replaced_directory(self.directory) as scratch:
            torch.save(tensors, scratch / "state.pt")
            text = json.dumps({"identity": self.identity, "progress": progress}, indent=2)
            (scratch / "progress.json").write_text(text + "\n", encoding="utf-8")

    def load(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return tensors and progress, or None if there is nothing to resume.

        Raises:
            TrainingError: it is damaged, or of a run with other settings or data.
        """
        if not self.directory.is_dir():
            return None
        try:
            text = (self.directory / "progress.json").read_text(encoding="utf-8")
            found = json.loads(text)
            identity, progress = found["identity"], found["progress"]
            tensors = torch.load(self.directory / "state.pt", weights_only=True)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise TrainingError(
                f"{self.directory} cannot be resumed from ({error}); delete it to start anew"
            ) from error
        for key in self.identity.keys() | identity.keys():
            before, now = identity.get(key), self.identity.get(key)
            if before != now:
                raise TrainingError(
                    f"{self.directory} is of a run with {key} {before!r}, now it is {now!r}; "
                    "use the same settings and data, or another --out"
                )
        return tensors, progress

    def clear(self) -> None:
        """Remove what is there."""
        if self.directory.exists():
            shutil.rmtree(self.directory)
