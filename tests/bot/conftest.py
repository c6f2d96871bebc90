"""The stage on which this folder's conversations are played."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.server.embedded_redis import EmbeddedRedis
from tests.bot.talk import Stage, open_stage


@pytest.fixture(scope="session")
def nlu_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the examples' vectors are kept, so that they are encoded once."""
    return tmp_path_factory.mktemp("nlu-cache")


@pytest.fixture(scope="session")
def stage(shapes_bundles: Path, embedded_redis: EmbeddedRedis, nlu_cache: Path) -> Iterator[Stage]:
    """A running conversation; tests keep to senders of their own."""
    with open_stage(shapes_bundles, embedded_redis.url, nlu_cache) as stage:
        yield stage
