"""bfloat16 is taken where torch computes it in hardware, and nowhere else."""

import pytest
import torch

from embedding.model.precision import best_precision


@pytest.mark.parametrize(
    ("processor_has", "torch_takes", "precision"),
    [
        ({"avx512_bf16": True}, "AVX512", "bfloat16"),
        ({"avx512_bf16": True}, "AVX2", "float32"),
        ({"avx512_bf16": False}, "AVX512", "float32"),
        ({"avx2": True}, "AVX2", "float32"),
        ({"amx_bf16": True}, "AVX512", "bfloat16"),
    ],
)
def test_torch_that_is_held_to_avx2_has_no_bfloat16(
    processor_has: dict[str, bool],
    torch_takes: str,
    precision: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor_has)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: torch_takes)
    assert best_precision() == precision
    assert best_precision("bfloat16") == "bfloat16"
