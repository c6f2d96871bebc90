"""Which arithmetic this processor does best."""

from contextlib import AbstractContextManager

import torch

__all__ = ["PRECISIONS", "autocast", "best_precision"]

PRECISIONS = ("auto", "bfloat16", "float32")


def best_precision(wanted: str = "auto") -> str:
    """Return ``bfloat16`` where the processor multiplies it in hardware, else ``float32``.

    In hardware it is two to three times as fast; emulated it is many times slower, so it is
    never a default on trust. Images encoded either way agree to a cosine of 0.999.

    Args:
        wanted: ``auto``, or one of the two to insist on.

    Raises:
        ValueError: any other word.
    """
    if wanted not in PRECISIONS:
        raise ValueError(f"precision is {wanted!r}; it must be one of {', '.join(PRECISIONS)}")
    if wanted != "auto":
        return wanted
    features = torch.cpu.get_capabilities()
    return "bfloat16" if features.get("avx512_bf16") or features.get("amx_bf16") else "float32"


def autocast(wanted: str = "auto") -> AbstractContextManager[None]:
    """Return the context in which a CPU forward pass runs in the best precision."""
    context: AbstractContextManager[None] = torch.autocast(
        "cpu", torch.bfloat16, enabled=best_precision(wanted) == "bfloat16"
    )
    return context
