"""Packing a trained model for the repository; ``shipped.assemble`` is the way back."""

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from embedding.errors import ModelError
from embedding.model.files import INFO_FILE, read_info, replaced_directory, write_info
from embedding.onnx.description import FOLDER
from embedding.packages import minilm_directory
from embedding.pretrained.packed import (
    OWN,
    SOURCES,
    build_tensors,
    hash_built,
    hash_tensors,
    in_steps,
    reference_tensors,
)
from embedding.pretrained.shipped import CARD, FILES, FORMAT, MANIFEST, WEIGHTS

__all__ = ["PackReport", "add_file", "pack_model"]

_CHANGE_STEPS = (31, 127)
"""Steps on either side of zero for what training changed in a package's weights, coarsest first."""
_OWN_STEPS = (127,)
"""The same for weights that no package holds: there is less to hide a rounding error in."""
_MOST_ERROR = 0.05
"""Largest share of a tensor that may be lost; more is with outliers, and then it is kept whole."""
_NO_CHANGE = 2.0**-11
"""A row that moved by less, relative to itself, was moved by weight decay: it stays."""


@dataclass(frozen=True)
class PackReport:
    """Where the numbers of a packed model come from.

    Attributes:
        packages: numbers taken from packages.
        own: numbers that the packed model holds.
        bytes: size of the packed directory.
    """

    packages: int
    own: int
    bytes: int


def pack_model(model_dir: Path, out: Path, *, name: str, about: str) -> PackReport:
    """Write a saved model as a packed one; a model card that lies in ``out`` stays.

    Tensors that equal a package's are named, not stored. Of tensors that were trained from a
    package's, the change is stored, in 31 steps a row on either side of zero; of matrices that no
    package holds, the values, in 127; and vectors (biases, statistics) and integers as they are.
    All of it is compressed.

    Args:
        model_dir: a model directory, or a run of ``showtell train``.
        out: where to; replaced as a whole.
        name: what the model is called.
        about: half a sentence that says what it was trained on, and what it may be used for.

    Raises:
        ModelError: there is no saved model of ours in ``model_dir``.
    """
    if (model_dir / "model" / "modules.json").is_file():
        model_dir = model_dir / "model"
    info = read_info(model_dir)
    if not info or not (model_dir / "modules.json").is_file():
        raise ModelError(f"{model_dir} holds no trained model; give what `showtell train` wrote")
    card = (out / CARD).read_bytes() if (out / CARD).is_file() else None
    references = {source: reference_tensors(source) for source in SOURCES}
    finder = _Finder(references)
    own: dict[str, Tensor] = {}
    files: dict[str, dict[str, Any]] = {}
    with replaced_directory(out) as scratch:
        for path in _files_of(model_dir):
            file = path.relative_to(model_dir).as_posix()
            if path.suffix == ".safetensors":
                entries = {
                    key: finder.describe(f"{file}:{key}", tensor, own)
                    for key, tensor in load_file(path).items()
                }
                built = build_tensors(entries, {OWN: own, **references})
                files[file] = {"sha256": hash_built(built, entries), "tensors": entries}
            elif path.name == INFO_FILE:
                (scratch / FILES).mkdir(exist_ok=True)
                # The captions of the data are not ours to give away.
                public = {key: value for key, value in info.items() if key != "requests"}
                write_info(scratch / FILES, {**public, "name": name})
                files[file] = _own_file(scratch, file, (scratch / FILES / file).read_bytes())
            else:
                files[file] = _packaged_file(path) or _own_file(scratch, file, path.read_bytes())
        (scratch / WEIGHTS).write_bytes(zlib.compress(save(own), level=9))
        used = {e["from"] for f in files.values() for e in f.get("tensors", {}).values()} - {OWN}
        manifest = {
            "format": FORMAT,
            "name": name,
            "about": about,
            "sha256": _hash_of_files(files),
            "sources": {source: SOURCES[source] for source in sorted(used)},
            OWN: hashlib.sha256((scratch / WEIGHTS).read_bytes()).hexdigest(),
            "files": files,
        }
        _write_manifest(scratch, manifest)
        if card is not None:
            (scratch / CARD).write_bytes(card)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    return PackReport(finder.packaged, finder.stored, size)


def add_file(packed: Path, name: str, data: bytes) -> None:
    """Add a file to a packed model, or replace it there.

    Args:
        packed: its directory.
        name: of the file in the model directory.
        data: what it holds.
    """
    manifest = json.loads((packed / MANIFEST).read_text(encoding="utf-8"))
    manifest["files"][name] = _own_file(packed, name, data)
    manifest["sha256"] = _hash_of_files(manifest["files"])
    _write_manifest(packed, manifest)


def _hash_of_files(files: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _write_manifest(packed: Path, manifest: Mapping[str, Any]) -> None:
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    (packed / MANIFEST).write_text(text, encoding="utf-8")


class _Finder:
    """Says of tensors where they can be had from."""

    def __init__(self, references: Mapping[str, Mapping[str, Tensor]]) -> None:
        self.packaged = 0
        self.stored = 0
        self._references = references
        self._known = {
            _hash_of_values(tensor): (source, key)
            for source, tensors in references.items()
            for key, tensor in tensors.items()
        }

    def describe(self, name: str, tensor: Tensor, own: dict[str, Tensor]) -> dict[str, Any]:
        """Return the manifest's entry of a tensor; what no package holds is added to ``own``."""
        dtype = str(tensor.dtype).removeprefix("torch.")
        if found := self._known.get(_hash_of_values(tensor)):
            self.packaged += tensor.numel()
            return {"from": found[0], "tensor": found[1], "dtype": dtype}
        self.stored += tensor.numel()
        if tensor.ndim >= 2 and tensor.dtype == torch.float32:
            start = self._nearest(tensor)
            source, key = start or (OWN, name)
            base = self._references[source][key] if start else torch.zeros_like(tensor)
            for levels in _CHANGE_STEPS if start else _OWN_STEPS:
                steps, scale = _quantise(tensor, base, levels)
                moved = scale > 0
                lost = (in_steps(steps, scale) - (tensor - base))[moved].norm()
                if lost <= _MOST_ERROR * (tensor - base)[moved].norm():
                    own[name], own[f"{name}:scale"] = steps, scale
                    return {"from": source, "tensor": key, "dtype": dtype, "steps": name}
        own[name] = tensor.contiguous()
        return {"from": OWN, "tensor": name, "dtype": dtype}

    def _nearest(self, tensor: Tensor) -> tuple[str, str] | None:
        """Return which of the packages' tensors this one was trained from, if from any."""
        distances = {
            (source, key): float((tensor - other).norm())
            for source, tensors in self._references.items()
            for key, other in tensors.items()
            if other.shape == tensor.shape and other.dtype == tensor.dtype
        }
        best = min(distances, key=distances.__getitem__, default=None)
        return best if best and distances[best] < 0.5 * float(tensor.norm()) else None


def _quantise(tensor: Tensor, base: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Return the change from ``base`` in whole steps (int8), and the size of a step in each row."""
    change = (tensor - base).flatten(1)
    largest = change.abs().amax(dim=1)
    largest[largest <= _NO_CHANGE * base.flatten(1).abs().amax(dim=1)] = 0
    scale = largest / levels
    steps = torch.where(scale[:, None] > 0, change / scale[:, None], 0.0).round()
    return steps.to(torch.int8).reshape(tensor.shape), scale


def _hash_of_values(tensor: Tensor) -> str:
    # Averaging weights makes 0 of -0, which is the same number but not the same bits.
    return hash_tensors({"": tensor + 0})


def _files_of(model_dir: Path) -> Iterator[Path]:
    """Yield the files that make a model; its graphs are written anew where it is unpacked."""
    for path in sorted(model_dir.rglob("*")):
        name = path.relative_to(model_dir)
        hidden = any(part.startswith(".") for part in name.parts)
        if path.is_file() and not hidden and name != Path(CARD) and name.parts[0] != FOLDER:
            yield path


def _packaged_file(path: Path) -> dict[str, Any] | None:
    """Return where the MiniLM package holds the same file, if it does."""
    other = minilm_directory() / path.name
    data = path.read_bytes()
    if not other.is_file() or other.read_bytes() != data:
        return None
    return {"sha256": hashlib.sha256(data).hexdigest(), "from": "minilm", "file": path.name}


def _own_file(scratch: Path, name: str, data: bytes) -> dict[str, Any]:
    target = scratch / FILES / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return {"sha256": hashlib.sha256(data).hexdigest(), "from": OWN, "file": name}
