import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval.store.order import NOISE, best_first

scores = st.lists(st.integers(0, 30), max_size=40)


@given(scores)
def test_noise_changes_no_order(found: list[int]) -> None:
    exact = np.array(found, np.float64) / 100
    rows = np.random.default_rng(0).permutation(len(found))
    noisy = exact + np.random.default_rng(len(found)).uniform(-0.4, 0.4, len(found)) * NOISE
    expected = sorted(range(len(found)), key=lambda i: (-exact[i], rows[i]))
    assert best_first(exact, rows).tolist() == expected
    assert best_first(noisy, rows).tolist() == expected


def test_without_anything_to_tell_them_apart_ties_stay_as_given() -> None:
    assert best_first(np.array([0.5, 0.7, 0.5, 0.7])).tolist() == [1, 3, 0, 2]


def test_what_differs_by_more_than_noise_is_no_tie() -> None:
    two = np.array([0.5, 0.5 + 2 * NOISE])
    assert best_first(two, np.array([0, 1])).tolist() == [1, 0]
    assert best_first(two, np.array([0, 1]), noise=3 * NOISE).tolist() == [0, 1]
