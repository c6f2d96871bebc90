"""Which arithmetic a device does best.

torch is imported by the functions that ask it: the settings of a training run name a precision,
and a feature cache is named after one, before anything is computed.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import torch

__all__ = ["PRECISIONS", "Precision", "autocast", "best_precision"]

Precision = Literal["auto", "bfloat16", "float16", "float32"]
PRECISIONS: tuple[str, ...] = get_args(Precision)


def best_precision(precision: str = "auto", device: torch.device | None = None) -> str:
    """Return the fastest of bfloat16, float16 and float32 that the device has in hardware.

    In hardware bfloat16 is two to three times as fast; emulated it is many times slower, so it is
    never a default on trust. Images encoded either way agree to a cosine of 0.999.

    Args:
        precision: ``auto``, or one of the three to insist on.
        device: None means the processor, which has no float16; a graphics card without bfloat16
            takes that.

    Raises:
        ValueError: any other word, or float16 for a processor.
    """
    import torch

    kind = device.type if device else "cpu"
    if precision not in PRECISIONS or (precision == "float16" and kind == "cpu"):
        raise ValueError(
            f"precision is {precision!r} on {kind}; it must be one of {', '.join(PRECISIONS)}, "
            "float16 not on cpu"
        )
    if precision != "auto":
        return precision
    if kind == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    features = torch.cpu.get_capabilities()
    # torch can be held to AVX2 (ATEN_CPU_CAPABILITY), whatever the processor has.
    is_free = torch.backends.cpu.get_cpu_capability() != "AVX2"
    has_bfloat16 = features.get("avx512_bf16") or features.get("amx_bf16")
    return "bfloat16" if is_free and has_bfloat16 else "float32"


def autocast(
    precision: str = "auto", device: torch.device | None = None
) -> AbstractContextManager[None]:
    """Return the context in which a forward pass on a device runs in the best precision."""
    import torch

    best = best_precision(precision, device)
    context: AbstractContextManager[None] = torch.autocast(
        device.type if device else "cpu",
        torch.float16 if best == "float16" else torch.bfloat16,
        enabled=best != "float32",
    )
    return context
