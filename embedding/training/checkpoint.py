"""What an interrupted training run needs to go on: tensors in one file, the rest readable."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from embedding.errors import TrainingError

__all__ = ["Checkpoint"]


class Checkpoint:
    """The directory ``RUN/checkpoint``: progress.json, and the file of tensors that it names.

    Replacing progress.json is what makes a new checkpoint; a process killed at any moment leaves
    the old one or the new one, never a mixture.

    Args:
        directory: where it lies.
        identity: what must be equal for a run to be the same one (settings and data).
    """

    def __init__(self, directory: Path, identity: dict[str, Any]) -> None:
        self.directory = directory
        self.identity = json.loads(json.dumps(identity))

    def save(self, tensors: dict[str, Any], progress: dict[str, Any]) -> None:
        """Write tensors (state dictionaries) and readable progress; the old ones go."""
        self.directory.mkdir(parents=True, exist_ok=True)
        numbers = [int(path.stem.rpartition("-")[2]) for path in self.directory.glob("state-*.pt")]
        name = f"state-{max(numbers, default=0) + 1}.pt"
        torch.save(tensors, self.directory / name)
        record = {"identity": self.identity, "tensors": name, "progress": progress}
        scratch = self.directory / "progress.json.new"
        scratch.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        scratch.replace(self.directory / "progress.json")
        for path in self.directory.glob("state-*.pt"):
            if path.name != name:
                path.unlink()

    def load(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return tensors and progress, or None if there is nothing to resume.

        Raises:
            TrainingError: it is damaged, or of a run with other settings or data.
        """
        if not (self.directory / "progress.json").is_file():
            return None
        try:
            text = (self.directory / "progress.json").read_text(encoding="utf-8")
            record = json.loads(text)
            identity, progress = record["identity"], record["progress"]
            tensors = torch.load(
                self.directory / record["tensors"], map_location="cpu", weights_only=True
            )
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
