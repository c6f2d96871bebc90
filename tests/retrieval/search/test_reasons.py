import numpy as np

from retrieval.search.reasons import Signals, explain

X, Y = np.eye(2, dtype=np.float32)
BETWEEN = ((X + Y) / np.sqrt(2)).astype(np.float32)
VECTORS = np.stack([X, Y])


def test_looks_words_and_meaning_are_told_apart() -> None:
    signals = Signals(X, X, X)
    found = explain([1, 2], VECTORS, signals, [1], [2], {1: ("red", "dog")})
    assert found == [("visual", "caption:red", "caption:dog"), ("caption",)]
    assert explain([1, 2], VECTORS, signals, [], [], {}) == [("visual",), ("visual",)]


def test_feedback_is_a_reason_for_what_it_brings_nearer() -> None:
    found = explain([1, 2], VECTORS, Signals(BETWEEN, X, X), [1, 2], [], {})
    assert found == [("visual",), ("visual", "feedback")]
    assert explain([1], VECTORS[:1], Signals(X, None, None), [], [], {}) == [("feedback",)]


def test_without_any_vector_it_was_the_filter_or_the_words() -> None:
    found = explain([1, 2], VECTORS, Signals(None, None, None), [], [], {2: ("red",)})
    assert found == [("filter",), ("caption:red",)]
