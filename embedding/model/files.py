"""What lies in a model directory beside the sentence-transformers files, and how it got there."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedding.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "FORMAT",
    "INFO_FILE",
    "hash_modules",
    "read_info",
    "replaced_directory",
    "write_info",
]

INFO_FILE = "showtell.json"
FORMAT = 1
"""Raised when an older program could no longer read what is written."""


def read_info(directory: Path) -> dict[str, Any]:
    """Return the contents of showtell.json, or nothing for a foreign model.

    Raises:
        ModelError: it cannot be read or is of another format.
    """
    path = directory / INFO_FILE
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read: {error}; train or copy the model again"
        ) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ModelError(f"{path} has format {found.get('format')!r}, expected {FORMAT}")
    return found


def write_info(directory: Path, info: Mapping[str, object]) -> None:
    """Write showtell.json."""
    text = json.dumps(info, indent=2, ensure_ascii=False) + "\n"
    (directory / INFO_FILE).write_text(text, encoding="utf-8")


@contextmanager
def replaced_directory(directory: Path) -> Iterator[Path]:
    """Give an empty directory that takes the place of ``directory`` at the end, or never."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}-"))
    try:
        yield scratch
        scratch.chmod(0o755)
        if directory.exists():
            shutil.rmtree(directory)
        scratch.rename(directory)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def hash_modules(modules: Sequence[nn.Module], more: str = "") -> str:
    """Return 16 hex digits that change with any weight, setting or word of a vocabulary."""
    import torch  # lazily: reading showtell.json needs none of it

    digest = hashlib.sha256(more.encode())
    for module in modules:
        for name, part in module.named_modules():
            settings: object = getattr(part, "get_config_dict", dict)()
            digest.update(f"{name} {type(part).__name__} {settings}".encode())
            words: Any = getattr(getattr(part, "tokenizer", None), "get_vocab", dict)()
            digest.update(repr(sorted(words)).encode())
            # How pictures are prepared; empty for what models of earlier versions do.
            view: str = getattr(getattr(part, "processor", None), "unusual_view", "")
            digest.update(view.encode())
        for key, value in sorted(module.state_dict().items()):
            digest.update(f"{key} {tuple(value.shape)} {value.dtype}".encode())
            digest.update(value.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]
