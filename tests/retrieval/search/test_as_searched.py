"""What is near to every request is taken off, and recall is measured as the search ranks."""

from pathlib import Path

import numpy as np

from embedding.data.pairs import Pairs
from embedding.evaluation.recall import Embedded, image_ranks, measure
from embedding.model.joint import JointEmbedding
from retrieval.bundle.build import build_bundle
from retrieval.bundle.bundle import Bundle, Candidate
from retrieval.search.as_searched import hubness_corrected
from retrieval.search.query import Query
from retrieval.search.query_bank import NEAREST, RequestBank
from retrieval.search.vision import NEARNESS_WEIGHT
from tests.retrieval.stubs import unit


def world_with_a_hub(things: int = 8) -> tuple[Embedded, RequestBank]:
    """Pictures of one thing each, and one that lies between all of them, as all texts do a bit."""
    random = np.random.default_rng(0)
    axes = np.eye(things)

    def said(owners: np.ndarray) -> np.ndarray:
        noise = random.normal(0, 0.15, (len(owners), things))
        return unit(axes[owners] + 0.35 + noise)

    pictures = unit(np.concatenate([axes, np.ones((1, things))]))
    owners = np.repeat(np.arange(things), 20)
    captions = [f"thing {owner} said {i}" for i, owner in enumerate(owners)]
    pairs = Pairs("hub", [str(i) for i in range(things + 1)], captions, owners)
    bank = RequestBank(said(random.integers(0, things, 200)), {})
    return Embedded(pairs, said(owners), pictures), bank


def test_scores_are_cosines_less_the_nearness_to_requests() -> None:
    embedded, bank = world_with_a_hub()
    ranked = hubness_corrected(embedded, bank)
    nearest = np.sort(embedded.images @ bank.vectors.T, axis=1)[:, -NEAREST:]
    expected = embedded.texts @ embedded.images.T - NEARNESS_WEIGHT * nearest.mean(axis=1)
    np.testing.assert_allclose(ranked.texts @ ranked.images.T, expected, atol=1e-6)


def test_a_hub_no_longer_stands_before_the_right_pictures() -> None:
    embedded, bank = world_with_a_hub()
    ranked = hubness_corrected(embedded, bank)
    owners = embedded.pairs.caption_to_image
    hub = len(embedded.images) - 1

    def share_of_hub(found: Embedded) -> float:
        return float(((found.texts @ found.images.T).argmax(axis=1) == hub).mean())

    assert share_of_hub(ranked) < 0.6 * share_of_hub(embedded)
    before, after = measure(embedded), measure(ranked)
    assert after["text_to_image"]["r1"] > before["text_to_image"]["r1"] + 5
    # For one picture all captions lose the same.
    np.testing.assert_array_equal(
        image_ranks(embedded.texts, embedded.images, owners),
        image_ranks(ranked.texts, ranked.images, owners),
    )


def test_captions_that_are_asked_with_are_no_requests() -> None:
    embedded, _ = world_with_a_hub()
    bank = RequestBank.of(embedded.pairs.captions, lambda _texts: embedded.texts)
    ranked = hubness_corrected(embedded, bank)
    cosines = embedded.images @ bank.vectors.T
    own = np.arange(len(embedded.images))[:, None] == embedded.pairs.caption_to_image
    cosines[own] = -1
    expected = np.sort(cosines, axis=1)[:, -NEAREST:].mean(axis=1)
    np.testing.assert_allclose(ranked.images[:, -1], -NEARNESS_WEIGHT * expected, atol=1e-6)


def test_it_ranks_as_the_search_does(
    shapes_dir: Path, asking_model_dir: Path, tmp_path: Path
) -> None:
    paths = sorted(shapes_dir.glob("*-0.png"))
    model = JointEmbedding.load(asking_model_dir)
    version = build_bundle(
        [Candidate(path) for path in paths],
        root=shapes_dir,
        model_dir=asking_model_dir,
        bundles=tmp_path,
    ).version
    asked = ["a shape", "something blue", "a ring", "red"]
    with Bundle.open(tmp_path, version) as bundle:
        assert bundle.requests is not None
        rows = np.arange(len(paths), dtype=np.int64)
        images = bundle.store.vectors(rows)
        names = [str(bundle.store.file(i.image_id)) for i in bundle.store.pictures(rows)]
        pairs = Pairs("shapes", names, asked, np.zeros(len(asked), np.int64))
        ranked = hubness_corrected(
            Embedded(pairs, model.encode_text(asked), images), bundle.requests.bank
        )
        for text, vector in zip(asked, ranked.texts, strict=True):
            hits = bundle.searcher.search(Query(texts=(text,)), 5).hits
            scores = ranked.images @ vector
            best = [names[row] for row in np.argsort(-scores, kind="stable")]
            found = [str(bundle.store.file(hit.image_id)) for hit in hits]
            # The search shows one of several that look just alike.
            assert found[0] == best[0]
            assert [name for name in best if name in found] == found
