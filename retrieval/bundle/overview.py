"""What lies in a bundles directory, for whoever keeps it tidy."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from embedding.errors import ModelError
from embedding.model.files import read_info
from retrieval.bundle.manifest import MODEL, Manifest
from retrieval.bundle.versions import current_version, list_versions
from retrieval.errors import BundleError, BundleRefused

__all__ = ["ModelRecall", "VersionInfo", "describe_versions", "told_recall"]


@dataclass(frozen=True)
class ModelRecall:
    """What a model directory says of its recall@10 from text to image, in percent.

    Attributes:
        value: as it was measured when the model was made; None where only the gain is known.
        data: what that was measured on; figures of different data cannot be compared.
        gain: points won by adapting the model to its gallery, on captions held out; None for a
            model that is not adapted.
    """

    value: float | None
    data: str
    gain: float | None


@dataclass(frozen=True)
class VersionInfo:
    """One version of the gallery.

    Attributes:
        version: its name.
        live: whether it is the published one.
        size: bytes of all its files; those that it shares with other versions count in each.
        created: when it was built; None where its manifest cannot be read.
        count: pictures in it; None likewise.
        model: what people call its model; None likewise.
        accuracy: how often captions are told from what the gallery lacks; None where unknown.
        recall: what its model says of itself; None where it says nothing.
        problem: why its manifest cannot be read; None where it can.
    """

    version: str
    live: bool
    size: int
    created: datetime | None = None
    count: int | None = None
    model: str | None = None
    accuracy: float | None = None
    recall: ModelRecall | None = None
    problem: str | None = None


def describe_versions(bundles: Path) -> list[VersionInfo]:
    """Return what there is to know of each version without loading it, oldest first."""
    try:
        live = current_version(bundles)
    except BundleError:
        live = None
    return [_describe(bundles / version, version == live) for version in list_versions(bundles)]


def _describe(directory: Path, live: bool) -> VersionInfo:
    size = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
    try:
        manifest = Manifest.read(directory)
    except BundleRefused as refused:
        return VersionInfo(directory.name, live, size, problem=refused.reason)
    return VersionInfo(
        directory.name,
        live,
        size,
        manifest.created,
        manifest.count,
        manifest.model_name,
        manifest.confidence.accuracy,
        told_recall(directory / MODEL),
    )


def told_recall(model_dir: Path) -> ModelRecall | None:
    """Return what a model directory says of its recall; None for one that says nothing."""
    try:
        info = read_info(model_dir)
        gain = info["adapted"]["gain_in_recall"]["r10"] if "adapted" in info else None
        value, data = _measured(info)
    except (ModelError, KeyError, TypeError):  # of another version of the program
        return None
    return None if value is None and gain is None else ModelRecall(value, data, gain)


def _measured(info: dict[str, Any]) -> tuple[float | None, str]:
    onnx = info.get("onnx", {})
    if "recall_at_10" in onnx:  # as texts are encoded now
        found = onnx["recall_at_10"]
        return found[onnx["text"]]["text_to_image"], found["data"]
    if "metrics" in info:
        learned = info["training"]["train_on"] == "all"
        data = f"{info['data']['name']}, {'what it learned' if learned else 'held out'}"
        return info["metrics"]["text_to_image"]["r10"], data
    return None, ""
