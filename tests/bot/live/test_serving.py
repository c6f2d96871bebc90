"""What a turn works with, where other languages can be searched in and where they cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.live.serving import Serving, open_serving
from embedding import packages
from retrieval.bundle.bundle import Bundle


async def run(work: Callable[..., Any], *arguments: Sequence[Any]) -> Any:
    return work(*arguments)


def serve(bundles: Path, models: Path) -> Serving:
    return open_serving(Bundle.open(bundles), run, models=models)


def test_a_damaged_package_takes_no_bundle_down(
    multilingual_bundles: Path,
    models_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(packages, "E5_SHA256", "0" * 64)
    serving = serve(multilingual_bundles, models_dir)
    assert serving.multilingual is None
    assert "e5-small-q4.bin has sha256" in caplog.text
    serving.close()


def test_a_model_without_a_head_reads_english_alone(shapes_bundles: Path, models_dir: Path) -> None:
    serving = serve(shapes_bundles, models_dir)
    assert serving.multilingual is None
    serving.close()
