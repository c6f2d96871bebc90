"""A short hash of what decides a model's vectors."""

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

__all__ = ["hash_modules"]


def hash_modules(modules: Sequence[nn.Module], more: str = "") -> str:
    """Return 16 hex digits that change with any weight, setting or word of a vocabulary."""
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
