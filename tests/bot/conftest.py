"""The stage on which this folder's conversations are played."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.server.embedded_redis import EmbeddedRedis
from bot.understanding.interpreter import Interpreter
from bot.understanding.learned import build_interpreter
from bot.understanding.rasa_project import RasaProject
from embedding.model.encoder import SentenceEncoder
from tests.bot.talk import Stage, open_stage


@pytest.fixture(scope="session")
def nlu_cache(learned_dir: Path) -> Path:
    """Where what is learned of the examples is kept, so that it is learned once for all tests."""
    return learned_dir


@pytest.fixture(scope="session")
def interpreter(sentence_encoder: SentenceEncoder, nlu_cache: Path) -> Interpreter:
    """Understands English; do not change it."""
    return build_interpreter(RasaProject.load(), sentence_encoder, nlu_cache)


@pytest.fixture(scope="session")
def stage(shapes_bundles: Path, embedded_redis: EmbeddedRedis, nlu_cache: Path) -> Iterator[Stage]:
    """A running conversation; tests keep to senders of their own."""
    with open_stage(shapes_bundles, embedded_redis.url, nlu_cache) as stage:
        yield stage
