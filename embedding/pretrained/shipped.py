"""Trained models that come with the project, and where they lie once they are put together.

A packed model is a directory with ``manifest.json``, ``weights.safetensors.z`` (the safetensors
form, compressed by zlib) and the small files of a model directory. ``assemble`` puts the whole
model directory together, once, under the data folder; packed.py says how.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from embedding.errors import ModelError

__all__ = [
    "CARD",
    "FILES",
    "FORMAT",
    "MANIFEST",
    "SHIPPED_DIR",
    "WEIGHTS",
    "assemble",
    "default_models_dir",
    "describe_shipped",
    "shipped_model",
]

SHIPPED_DIR = Path(__file__).parent / "shipped"
MANIFEST = "manifest.json"
WEIGHTS = "weights.safetensors.z"
FILES = "files"
CARD = "README.md"
FORMAT = 2


def default_models_dir() -> Path:
    """Return where assembled models are kept: below SHOWTELL_DATA_DIR, or the user's data."""
    named = os.environ.get("SHOWTELL_DATA_DIR")
    return (Path(named) if named else user_data_path("showtell")) / "models"


def describe_shipped(name: str) -> str:
    """Return one line that says what a packed model was trained on.

    Raises:
        ModelError: as ``shipped_model``.
    """
    return str(_read_manifest(_packed(name))["about"])


def shipped_model(name: str, directory: Path | None = None) -> Path:
    """Return the model directory of a packed model, put together on the first call.

    Args:
        name: of a directory below ``SHIPPED_DIR``.
        directory: where assembled models are kept; None means ``default_models_dir()``.

    Raises:
        ModelError: it is not in this installation, is damaged, or cannot be written.
    """
    return assemble(_packed(name), directory or default_models_dir())


def assemble(packed: Path, directory: Path) -> Path:
    """Put a packed model together below ``directory``; return the model directory.

    It appears as a whole under a name that holds its hash, or not at all. Two processes may do
    this at once: the first one's result stays.

    Raises:
        ModelError: a part or the result has another hash than the manifest says, a package is
            missing, or the directory cannot be written.
    """
    manifest = _read_manifest(packed)
    target = directory / f"{manifest['name']}-{manifest['sha256'][:12]}"
    if all((target / name).is_file() for name in manifest["files"]):
        return target
    try:
        directory.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=directory, prefix=f".{target.name}-"))
    except OSError as error:
        raise ModelError(
            f"the model {manifest['name']} cannot be unpacked below {directory} "
            f"({error.strerror}); name a folder that can be written with SHOWTELL_DATA_DIR"
        ) from error
    try:
        # Lazily: torch takes seconds to import, and a model is put together once.
        from embedding.pretrained.packed import write_model

        write_model(packed / WEIGHTS, packed / FILES, manifest, scratch)
        if (packed / CARD).is_file():
            shutil.copyfile(packed / CARD, scratch / CARD)
        scratch.chmod(0o755)
        _take_place(scratch, target, manifest["files"])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _packed(name: str) -> Path:
    packed = SHIPPED_DIR / name
    if not (packed / MANIFEST).is_file():
        raise ModelError(
            f"this installation does not hold the model {name!r} ({packed / MANIFEST} is "
            "missing); name another model with --model, or train one with `showtell train`"
        )
    return packed


def _read_manifest(packed: Path) -> dict[str, Any]:
    path = packed / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read: {error}; reinstall showtell") from error
    if manifest.get("format") != FORMAT:
        raise ModelError(f"{path} has format {manifest.get('format')!r}, expected {FORMAT}")
    return manifest


def _take_place(scratch: Path, target: Path, files: Mapping[str, object]) -> None:
    """Rename a finished directory, unless another process has put the same one there."""
    if target.exists() and not all((target / name).is_file() for name in files):
        shutil.rmtree(target, ignore_errors=True)  # somebody deleted a part of it
    try:
        scratch.rename(target)
    except OSError:
        if not all((target / name).is_file() for name in files):
            raise
