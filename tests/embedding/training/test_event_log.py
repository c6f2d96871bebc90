"""TensorBoard's event files, written where they are wanted."""

import builtins
from pathlib import Path
from typing import Any

import pytest

from embedding.errors import TrainingError
from embedding.training.config import TrainConfig
from embedding.training.train import train


def test_event_files_are_written_where_they_are_wanted(
    features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    lstm = TrainConfig(text_tower="lstm", dimension=8, image_hidden=0, epochs=2, batch_size=32)
    result = train(f"features:{features}", lstm.changed(tensorboard=True), tmp_path / "run")
    found = EventAccumulator(str(tmp_path / "run" / "tensorboard" / "fold-0"))
    found.Reload()
    assert {"loss", "rate/heads", "rate/text", "text_to_image/r1"} <= set(found.Tags()["scalars"])
    (recall,) = found.Scalars("text_to_image/r1")
    assert recall.value == pytest.approx(result.metrics["text_to_image"]["r1"])

    there_is = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("torch.utils.tensorboard"):
            raise ImportError("No module named 'tensorboard'")
        return there_is(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(TrainingError, match=r"pip install 'showtell\[tensorboard\]'"):
        train(f"features:{features}", lstm.changed(tensorboard=True), tmp_path / "other")
