"""The same talks give the same searches, whatever a model's cosines mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.server.embedded_redis import EmbeddedRedis
from embedding.onnx.encoder import load_encoder
from retrieval.bundle.bundle import build_bundle, publish
from tests.bot.talk import Stage, open_stage
from tests.fixtures.bundles import shape_candidates
from tests.retrieval.stubs import SqueezedEncoder

TALKS = (
    ("show me a red star", "no red things", "more"),
    ("a blue circle", "the circle is round and blue", "people wait for the bus"),
    ("a square", "more like the second one", "not the first one", "go back"),
    ("a green ring but no triangles", "a triangle is fine again", "start over"),
    ("stars", "green ones", "I like the first one", "something else entirely: a purple ring"),
)


@pytest.fixture(scope="module")
def squeezed_stage(
    shapes_dir: Path,
    shapes_model_dir: Path,
    embedded_redis: EmbeddedRedis,
    nlu_cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stage]:
    """A conversation over the shapes by a model whose cosines are squeezed as CLIP's are."""
    encoder = SqueezedEncoder(load_encoder(shapes_model_dir))
    bundles = tmp_path_factory.mktemp("squeezed")
    candidates = shape_candidates(shapes_dir)
    report = build_bundle(
        candidates, root=shapes_dir, model_dir=shapes_model_dir, bundles=bundles, encoder=encoder
    )
    publish(bundles, report.version)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("retrieval.bundle.bundle.load_encoder", lambda _directory: encoder)
        with open_stage(bundles, embedded_redis.url, nlu_cache) as stage:
            yield stage


@pytest.mark.parametrize("talk", TALKS, ids=lambda talk: talk[0])
def test_the_same_talks_give_the_same_searches(
    stage: Stage, squeezed_stage: Stage, talk: tuple[str, ...]
) -> None:
    for message in talk:
        plain = stage.say(f"plain {talk[0]}", message)
        squeezed = squeezed_stage.say(f"squeezed {talk[0]}", message)
        assert squeezed.meaning == plain.meaning, message
        assert squeezed.query.texts == plain.query.texts, message
        assert squeezed.query.excluded == plain.query.excluded, message
        assert len(squeezed.query.liked) == len(plain.query.liked), message
        assert len(squeezed.query.disliked) == len(plain.query.disliked), message
        assert squeezed.confident == plain.confident, message
