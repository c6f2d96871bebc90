from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from retrieval.search.query_bank import RequestBank, TypicalRequests
from retrieval.search.vision import (
    CAPTION_WEIGHT,
    NEARNESS_WEIGHT,
    SEEN_STEP,
    Trait,
    VisionRanking,
)
from retrieval.store.embedded import EmbeddedStore
from retrieval.store.protocol import Scope
from tests.retrieval.stubs import picture, unit, write_store

VECTORS = unit(np.random.default_rng(0).normal(size=(300, 8)))
AXES = np.eye(8, dtype=np.float32)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    store = write_store(tmp_path_factory.mktemp("vision") / "store", VECTORS)
    yield store
    store.close()


@pytest.fixture(scope="module")
def ranking(store: EmbeddedStore) -> VisionRanking:
    return VisionRanking(store)


def test_without_corrections_the_nearest_come_first(ranking: VisionRanking) -> None:
    expected = np.argsort(-(VECTORS @ AXES[0]), kind="stable")
    assert ranking.rank(AXES[0], 20) == expected[:20].tolist()
    first = Scope(barred=tuple(expected[:5].tolist()))
    assert ranking.rank(AXES[0], 20, first) == expected[5:25].tolist()
    assert ranking.rank(None, 20) == []


def test_what_is_near_to_every_request_steps_back(store: EmbeddedStore) -> None:
    best, second = np.argsort(-(VECTORS @ AXES[0]))[:2].tolist()
    gap = float((VECTORS[best] - VECTORS[second]) @ AXES[0])
    for share, first in ((0.9, best), (1.1, second)):
        nearness = np.zeros(300, np.float32)
        nearness[best] = share * gap / NEARNESS_WEIGHT
        requests = TypicalRequests(RequestBank(AXES[:1], {}), nearness)
        ranked = VisionRanking(store, requests).rank(AXES[0], 20)
        assert ranked[0] == first


def test_near_to_every_text_is_not_near_to_every_picture(store: EmbeddedStore) -> None:
    requests = TypicalRequests(RequestBank(AXES[:1], {}), VECTORS @ AXES[0])
    likest = np.argsort(-(VECTORS @ VECTORS[7]))[:20].tolist()
    assert VisionRanking(store, requests).rank_alike(VECTORS[7], 20) == likest


def test_what_captions_say_counts_where_a_picture_asks(tmp_path: Path) -> None:
    looks = unit(AXES[:4] + np.float32([[0], [0.2], [0.3], [0.1]]) * AXES[0])
    said = AXES[[5, 0, 6, 7]]
    captions: list[tuple[str, ...]] = [("one",), ("two",), ("three",), ()]
    pictures = [picture(row, captions=one) for row, one in enumerate(captions)]
    with closing(write_store(tmp_path / "store", looks, pictures, said)) as store:
        ranking = VisionRanking(store)
        assert ranking.rank_alike(AXES[0], 4) == [0, 2, 1, 3]
        # What looks just like it comes first all the same, and what has no captions comes too.
        assert ranking.rank_alike(AXES[0], 4, caption_weight=CAPTION_WEIGHT) == [0, 1, 2, 3]


def test_seen_pictures_step_back_but_stay(ranking: VisionRanking) -> None:
    before = ranking.rank(AXES[0], 300)
    after = ranking.rank(AXES[0], 300, seen=[before[0]])
    step = SEEN_STEP * ranking.spread(AXES[0])
    scores = VECTORS @ AXES[0]
    ahead = sum(scores[row] > scores[before[0]] - step for row in before[1:])
    assert after.index(before[0]) == ahead > 0
    assert sorted(after) == sorted(before)


def test_what_is_unwanted_goes_behind_its_like(ranking: VisionRanking) -> None:
    before = ranking.rank(AXES[0], 300)
    (dogs,) = ranking.traits([AXES[1]])
    after = ranking.rank(AXES[0], 300, unwanted=[dogs])
    showing = dogs.amount(VECTORS)
    assert showing[after[:10]].mean() < showing[before[:10]].mean()
    # Whatever shows less of it than usual keeps its order.
    free = [row for row in before if showing[row] == 0]
    assert [row for row in after if showing[row] == 0] == free


def test_amounts_are_standard_deviations_above_the_mean(ranking: VisionRanking) -> None:
    along = VECTORS @ AXES[1]
    expected = np.maximum((along - along.mean()) / along.std(), 0)
    (dogs,) = ranking.traits([AXES[1]])
    assert dogs.amount(VECTORS) == pytest.approx(expected, abs=1e-4)
    assert ranking.traits([]) == []


def test_of_something_general_less_is_better_all_the_way(ranking: VisionRanking) -> None:
    (people,) = ranking.traits([AXES[1]], general=True)
    (dogs,) = ranking.traits([AXES[1]])
    pushes = people.push(VECTORS)
    assert pushes == pytest.approx(people.above_usual(VECTORS) * people.bimodality / 0.5, abs=1e-4)
    assert pushes.min() < 0 == dogs.push(VECTORS).min()
    first = {
        name: ranking.rank(AXES[0], 300, unwanted=[trait])[:10]
        for name, trait in (("people", people), ("dogs", dogs))
    }
    along = VECTORS @ AXES[1]
    assert along[first["people"]].mean() < along[first["dogs"]].mean()


def test_what_splits_the_gallery_clearly_pushes_further() -> None:
    random = np.random.default_rng(0)
    direction = np.eye(2, dtype=np.float32)[0]
    shading = random.normal(0, 1, 2000).astype(np.float32)
    split = np.where(np.arange(2000) % 4 == 0, 3.0, 0.0).astype(np.float32) + 0.3 * shading
    clear, vague = (Trait.measured(direction, along) for along in (split, shading))
    assert clear.bimodality > 0.65 > 0.4 > vague.bimodality
    two_above = [
        np.array([[thing.mean + 2 * thing.deviation, 0]], np.float32) for thing in (clear, vague)
    ]
    for thing, vectors in zip((clear, vague), two_above, strict=True):
        assert thing.amount(vectors) == pytest.approx([2], abs=1e-3)
    assert clear.push(two_above[0]) > 2 * vague.push(two_above[1])


def test_a_gallery_of_one_or_none_pushes_nothing() -> None:
    direction = np.eye(2, dtype=np.float32)[0]
    for along in (np.zeros(0, np.float32), np.ones(1, np.float32)):
        thing = Trait.measured(direction, along)
        assert thing.push(np.array([[along.sum(), 0]], np.float32)) == pytest.approx([0])
