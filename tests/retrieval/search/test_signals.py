import numpy as np
import pytest

from retrieval.search.signals import Signals, combine_texts, compose, explain

X, Y = np.eye(2, dtype=np.float32)
BETWEEN = ((X + Y) / np.sqrt(2)).astype(np.float32)
VECTORS = np.stack([X, Y])
NOTHING = np.zeros((0, 2), np.float32)


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


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, np.float32)
    return vector / np.linalg.norm(vector)


def test_texts_are_averaged() -> None:
    assert combine_texts(np.stack([X, Y])) == pytest.approx(unit(1, 1))
    assert compose(X[None], None, NOTHING, NOTHING) == pytest.approx(X)


def test_no_signal_is_no_vector() -> None:
    assert compose(NOTHING, None, NOTHING, NOTHING) is None
    assert compose(X[None], -X, NOTHING, NOTHING) is None


def test_likes_attract_and_dislikes_repel() -> None:
    plain = compose(X[None], None, NOTHING, NOTHING)
    moved = compose(X[None], None, Y[None], NOTHING)
    away = compose(X[None], None, NOTHING, Y[None])
    assert plain is not None
    assert moved is not None
    assert away is not None
    assert moved @ Y > plain @ Y
    assert away @ Y < plain @ Y
    for vector in (plain, moved, away):
        assert np.linalg.norm(vector) == pytest.approx(1)
        assert vector.dtype == np.float32


def test_a_liked_picture_alone_is_its_own_query() -> None:
    assert compose(NOTHING, None, Y[None], NOTHING) == pytest.approx(Y)


def test_an_upload_composes_with_text() -> None:
    assert compose(X[None], Y, NOTHING, NOTHING) == pytest.approx(unit(1, 1))


def test_pictures_weigh_as_the_model_needs_it() -> None:
    text, picture, nothing = np.eye(2, dtype=np.float32)[:1], np.eye(2, dtype=np.float32)[1:], None
    none = np.zeros((0, 2), np.float32)
    usual = compose(text, nothing, picture, none)
    light = compose(text, nothing, picture, none, picture_weight=0.5)
    assert usual is not None
    assert light is not None
    assert usual[1] / usual[0] == pytest.approx(2 * light[1] / light[0])
