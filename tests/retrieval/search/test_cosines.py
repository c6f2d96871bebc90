"""No number in the search is a cosine: a model whose cosines mean something else finds the same."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from embedding.onnx.encoder import load_encoder
from retrieval.bundle.bundle import Bundle, build_bundle
from retrieval.search.cosines import Cosines
from retrieval.search.query import Query
from retrieval.search.searcher import Searcher
from tests.fixtures.bundles import shape_candidates
from tests.fixtures.models import draw_shape
from tests.retrieval.stubs import SqueezedEncoder, unit


@pytest.fixture(scope="module")
def squeezed(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bundle]:
    """The bundle of shapes by a model whose cosines are squeezed as CLIP's are."""
    encoder = SqueezedEncoder(load_encoder(shapes_model_dir))
    bundles = tmp_path_factory.mktemp("squeezed")
    version = build_bundle(
        shape_candidates(shapes_dir),
        root=shapes_dir,
        model_dir=shapes_model_dir,
        bundles=bundles,
        encoder=encoder,
    ).version
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("retrieval.bundle.bundle.load_encoder", lambda _directory: encoder)
        bundle = Bundle.open(bundles, version)
    yield bundle
    bundle.close()


def test_the_squeeze_is_clip_s(squeezed: Bundle) -> None:
    texts = squeezed.encoder.encode_text(["a red star", "the price of tea", "two dogs"])
    between = texts @ texts.T
    assert between[np.triu_indices(3, 1)].mean() == pytest.approx(0.6, abs=0.1)
    cosines = squeezed.store.vectors(range(90)) @ texts[0]
    assert cosines.min() > 0.0
    assert cosines.max() < 0.5


def queries(bundle: Bundle) -> dict[str, Query]:
    """Return one query of each kind; what is liked is the same picture in both galleries."""
    ids = {
        f"{one.metadata['color']} {one.metadata['shape']}": one.image_id
        for one in bundle.store.pictures(range(90))
    }
    star, ring, square = (
        Query(texts=(f"a {what}",)) for what in ("yellow star", "black ring", "square")
    )
    return {
        "text": star,
        "rare words": Query(texts=("something round and purple",)),
        "nonsense": Query(texts=("qxzv flurbish wopple",)),
        "refined": Query(texts=("a star", "a green one")),
        "liked": square.like(ids["blue square"]),
        "liked alone": Query(liked=(ids["green triangle"],)),
        "two liked": Query(texts=("a circle",), liked=(ids["red circle"], ids["blue star"])),
        "disliked": ring.dislike(ids["black ring"]),
        "excluded": square.exclude("red").exclude("something black"),
        "filtered": square.filter("color", "purple"),
        "upload": Query(image="upload"),
        "upload and text": Query(image="upload", texts=("a red ring",)),
    }


@pytest.mark.parametrize("words", [True, False], ids=["with captions", "by looks alone"])
def test_the_same_queries_find_the_same(
    shapes_bundle: Bundle, squeezed: Bundle, words: bool
) -> None:
    picture = draw_shape("green", "ring", 99)

    def answers(searcher: Searcher, query: Query) -> tuple[list[str], bool]:
        result = searcher.search(query, 6, image=picture)
        return [hit.image_id for hit in result.hits], result.confident

    plain, other = (one.make_searcher(words=words) for one in (shapes_bundle, squeezed))
    alike = []
    for kind, query in queries(shapes_bundle).items():
        (before, sure_before), (after, sure_after) = answers(plain, query), answers(other, query)
        assert before[0] == after[0], kind
        assert sure_before == sure_after, kind
        alike.append(len({*before} & {*after}) / len(before))
    # All but what hangs on how texts are weighed among each other, which the squeeze does change.
    assert np.mean(alike) >= 0.95


def test_what_looks_alike_is_a_share_of_the_usual_distance() -> None:
    pictures = unit(np.random.default_rng(0).normal(size=(400, 64)))
    texts = unit(np.random.default_rng(1).normal(size=(50, 64)))
    plain = Cosines.measure(pictures, texts)
    assert plain.near_duplicate == pytest.approx(0.98, abs=0.002)
    assert plain.picture_weight == pytest.approx(1, abs=0.05)
    # Half of every picture is the same, and a text says half as much about them.
    same = np.ones((400, 1)) / 2**0.5
    squeezed = np.concatenate([pictures / 2**0.5, same], axis=1)
    measured = Cosines.measure(unit(squeezed), np.pad(texts, [(0, 0), (0, 1)]))
    assert measured.near_duplicate == pytest.approx(0.99, abs=0.001)
    assert measured.picture_weight == pytest.approx(2**0.5, rel=0.05)


def test_a_gallery_that_tells_nothing_has_the_usual_measures() -> None:
    one = np.ones((1, 4), np.float32) / 2
    for pictures in (one, np.repeat(one, 5, axis=0)):
        assert Cosines.measure(pictures, one) == Cosines()
