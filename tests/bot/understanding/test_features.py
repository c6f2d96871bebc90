"""Features as numbers, against scikit-learn and SciPy."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax as slow_softmax
from sklearn.feature_extraction import FeatureHasher

from bot.understanding.features import WIDTH, hashed, softmax, times, to_matrix

features = st.dictionaries(
    st.text(max_size=5), st.one_of(st.text(max_size=5), st.booleans(), st.integers(0, 5))
)


@settings(deadline=None)
@given(st.lists(features, min_size=1, max_size=4))
def test_equals_scikit_learn(rows: list[dict[str, Any]]) -> None:
    hasher = FeatureHasher(WIDTH, dtype=np.float32, alternate_sign=False)
    expected = hasher.transform(rows)
    ours = [hashed(row) for row in rows]
    assert (to_matrix(ours, WIDTH) != expected).nnz == 0
    matrix = np.random.default_rng(0).normal(size=(WIDTH, 3)).astype(np.float32)
    products = np.stack([times(row, matrix) for row in ours])
    np.testing.assert_allclose(products, expected @ matrix, rtol=1e-4, atol=1e-4)


def test_probabilities_of_margins() -> None:
    margins = np.array([[1.0, 2.0, 800.0], [0.0, -1.0, 0.5]])
    np.testing.assert_allclose(softmax(margins), slow_softmax(margins, axis=1))
