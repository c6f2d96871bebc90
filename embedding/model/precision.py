"""Which arithmetic a device does best."""

from contextlib import AbstractContextManager

import torch

__all__ = ["PRECISIONS", "autocast", "best_precision"]

PRECISIONS = ("auto", "bfloat16", "float16", "float32")
_CPU = torch.device("cpu")


def best_precision(wanted: str = "auto", device: torch.device = _CPU) -> str:
    """Return the fastest of bfloat16, float16 and float32 that the device has in hardware.

    In hardware bfloat16 is two to three times as fast; emulated it is many times slower, so it is
    never a default on trust. Images encoded either way agree to a cosine of 0.999.

    Args:
        wanted: ``auto``, or one of the three to insist on.
        device: a processor has no float16; a graphics card without bfloat16 takes that.

    Raises:
        ValueError: any other word, or float16 for a processor.
    """
    if wanted not in PRECISIONS or (wanted == "float16" and device.type == "cpu"):
        raise ValueError(
            f"precision is {wanted!r} on {device.type}; it must be one of {', '.join(PRECISIONS)}, "
            "float16 not on cpu"
        )
    if wanted != "auto":
        return wanted
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    features = torch.cpu.get_capabilities()
    return "bfloat16" if features.get("avx512_bf16") or features.get("amx_bf16") else "float32"


def autocast(wanted: str = "auto", device: torch.device = _CPU) -> AbstractContextManager[None]:
    """Return the context in which a forward pass on a device runs in the best precision."""
    precision = best_precision(wanted, device)
    context: AbstractContextManager[None] = torch.autocast(
        device.type,
        torch.float16 if precision == "float16" else torch.bfloat16,
        enabled=precision != "float32",
    )
    return context
