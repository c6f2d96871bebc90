import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval.search.folding import fold
from tests.retrieval.stubs import unit


@given(st.integers(0, 1_000), st.integers(1, 12), st.integers(0, 5), st.floats(0.1, 0.95))
def test_equals_a_slow_loop(seed: int, k: int, seen: int, alike: float) -> None:
    rng = np.random.default_rng(seed)
    vectors, shown = (unit(rng.normal(size=(n, 3))) for n in (15, seen))
    chosen: list[int] = []
    folded = 0
    for place, vector in enumerate(vectors):
        others = [*shown, *vectors[chosen]]
        if any(float(vector @ other) > alike for other in others):
            folded += 1
        elif len(chosen) < k:
            chosen.append(place)
    assert fold(vectors, shown, k, alike) == (chosen, folded)


def test_nothing_to_choose_from() -> None:
    none = np.zeros((0, 3), np.float32)
    assert fold(none, none, 6, 0.9) == ([], 0)
