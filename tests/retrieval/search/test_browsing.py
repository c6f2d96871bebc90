import numpy as np
import pytest

from retrieval.search.browsing import farthest_first
from tests.retrieval.stubs import unit

VECTORS = unit(np.random.default_rng(0).normal(size=(50, 6)))
NONE = VECTORS[:0]


def test_each_one_is_the_farthest_from_those_before_it() -> None:
    chosen = farthest_first(VECTORS, NONE, 8, 2.0)
    assert chosen[0] == 0
    for i in range(1, 8):
        closest = (VECTORS @ VECTORS[chosen[:i]].T).max(axis=1)
        closest[chosen[:i]] = 2
        assert chosen[i] == int(np.argmin(closest))


def test_what_was_shown_keeps_its_distance() -> None:
    chosen = farthest_first(VECTORS, VECTORS[:3], 5, 2.0)
    assert chosen[0] == int(np.argmin((VECTORS @ VECTORS[:3].T).max(axis=1)))
    assert not {0, 1, 2} & {*chosen}


@pytest.mark.parametrize("shown", [NONE, VECTORS[:4]], ids=["first page", "later page"])
def test_no_two_look_alike(shown: np.ndarray) -> None:
    twice = np.concatenate([VECTORS[:4], VECTORS[:4]])
    chosen = farthest_first(twice, shown, 8, 0.999)
    assert len(chosen) == (0 if len(shown) else 4)


def test_there_may_be_fewer() -> None:
    assert sorted(farthest_first(VECTORS[:3], NONE, 6, 2.0)) == [0, 1, 2]
    assert farthest_first(NONE, VECTORS, 6, 2.0) == []
