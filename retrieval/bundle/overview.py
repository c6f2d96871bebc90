"""What lies in a bundles directory, for whoever keeps it tidy."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from retrieval.bundle.manifest import Manifest
from retrieval.bundle.versions import current_version, list_versions
from retrieval.errors import BundleError, BundleRefused

__all__ = ["VersionInfo", "describe_versions"]


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
        problem: why its manifest cannot be read; None where it can.
    """

    version: str
    live: bool
    size: int
    created: datetime | None = None
    count: int | None = None
    model: str | None = None
    accuracy: float | None = None
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
    )
