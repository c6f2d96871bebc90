import numpy as np
import pytest

from retrieval.search.query_bank import RequestBank, TypicalRequests
from retrieval.search.vision import NEARNESS_WEIGHT, SEEN_STEP, Looks, Unwanted
from retrieval.store.faiss_index import build_index


def unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / lengths).astype(np.float32)


VECTORS = unit(np.random.default_rng(0).normal(size=(300, 8)))
IDS = np.arange(300, dtype=np.int64)
AXES = np.eye(8, dtype=np.float32)


def encode(text: str) -> np.ndarray:
    return AXES[1] if "dog" in text else AXES[2]


@pytest.fixture(scope="module")
def looks() -> Looks:
    return Looks(build_index(IDS, VECTORS), encode)


def test_without_corrections_the_nearest_come_first(looks: Looks) -> None:
    expected = np.argsort(-(VECTORS @ AXES[0]), kind="stable")
    assert looks.rank(AXES[0], 20, None, []) == expected[:20].tolist()
    assert looks.rank(AXES[0], 20, None, expected[:5].tolist()) == expected[5:25].tolist()
    assert set(looks.rank(AXES[0], 20, [1, 2, 3], [2])) == {1, 3}
    assert looks.rank(None, 20, None, []) == []


def test_what_is_near_to_every_request_steps_back() -> None:
    best, second = np.argsort(-(VECTORS @ AXES[0]))[:2].tolist()
    gap = float((VECTORS[best] - VECTORS[second]) @ AXES[0])
    for share, first in ((0.9, best), (1.1, second)):
        nearness = np.zeros(300, np.float32)
        nearness[best] = share * gap / NEARNESS_WEIGHT
        requests = TypicalRequests(RequestBank(AXES[:1], {}), nearness)
        ranked = Looks(build_index(IDS, VECTORS), encode, requests).rank(AXES[0], 20, None, [])
        assert ranked[0] == first


def test_seen_pictures_step_back_but_stay(looks: Looks) -> None:
    before = looks.rank(AXES[0], 300, None, [])
    after = looks.rank(AXES[0], 300, None, [], seen=[before[0]])
    step = SEEN_STEP * looks.spread(AXES[0])
    scores = VECTORS @ AXES[0]
    ahead = sum(scores[row] > scores[before[0]] - step for row in before[1:])
    assert after.index(before[0]) == ahead > 0
    assert sorted(after) == sorted(before)


def test_what_is_unwanted_goes_behind_its_like(looks: Looks) -> None:
    before = looks.rank(AXES[0], 300, None, [])
    after = looks.rank(AXES[0], 300, None, [], unwanted=["dogs", " "])
    showing = looks.unwanted("dogs").amount(VECTORS)
    assert showing[after[:10]].mean() < showing[before[:10]].mean()
    # Whatever shows less of it than usual keeps its order.
    free = [row for row in before if showing[row] == 0]
    assert [row for row in after if showing[row] == 0] == free


def test_amounts_are_standard_deviations_above_the_mean(looks: Looks) -> None:
    along = VECTORS @ AXES[1]
    expected = np.maximum((along - along.mean()) / along.std(), 0)
    assert looks.relative(IDS.tolist(), ["a dog"])[:, 0] == pytest.approx(expected, abs=1e-4)
    assert looks.relative([1, 2], []).shape == (2, 0)
    assert looks.relative([], ["a dog", "a cat"]).shape == (0, 2)


def test_what_splits_the_gallery_clearly_pushes_further() -> None:
    random = np.random.default_rng(0)
    direction = np.eye(2, dtype=np.float32)[0]
    shading = random.normal(0, 1, 2000).astype(np.float32)
    split = np.where(np.arange(2000) % 4 == 0, 3.0, 0.0).astype(np.float32) + 0.3 * shading
    clear, vague = (Unwanted.measured(direction, along) for along in (split, shading))
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
        thing = Unwanted.measured(direction, along)
        assert thing.push(np.array([[along.sum(), 0]], np.float32)) == pytest.approx([0])
