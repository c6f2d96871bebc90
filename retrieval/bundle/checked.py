"""When the hashes of a bundle's files were last compared: those of the same date need not be again.

The dates lie beside the bundles, which never change: BUNDLES/.checked-<version>.json. A size and a
date do not tell a disk that has begun to fail, so a server compares the hashes of the bundle that
it serves all the same, after it has begun to.
"""

import contextlib
import json
from pathlib import Path

from retrieval.bundle.manifest import MANIFEST, Manifest
from retrieval.store.files import write_atomically

__all__ = ["are_as_checked", "forget", "remember"]


def remember(bundle: Path, manifest: Manifest) -> None:
    """Note the dates of a bundle's files, whose hashes have just been compared."""
    with contextlib.suppress(OSError):  # read-only or full: then hashes are compared each time
        write_atomically(_record(bundle), json.dumps(_dates(bundle, manifest)) + "\n")


def are_as_checked(bundle: Path, manifest: Manifest) -> bool:
    """Tell whether a bundle's files have the dates that they had when hashes were compared."""
    try:
        noted = json.loads(_record(bundle).read_text(encoding="utf-8"))
        return bool(noted == _dates(bundle, manifest))
    except (OSError, ValueError):
        return False


def forget(bundle: Path) -> None:
    """Remove what is noted of a bundle that is removed."""
    _record(bundle).unlink(missing_ok=True)


def _record(bundle: Path) -> Path:
    return bundle.with_name(f".checked-{bundle.name}.json")


def _dates(bundle: Path, manifest: Manifest) -> dict[str, int]:
    """Return when each file was written, in nanoseconds."""
    return {name: (bundle / name).stat().st_mtime_ns for name in (MANIFEST, *manifest.files)}
