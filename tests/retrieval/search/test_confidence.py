import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.bundle.bundle import Bundle
from retrieval.search.confidence import (
    BY_LOOKS,
    calibrate,
    nearness_of,
    ordinary_things,
    sample_captions,
    score,
    separate,
)
from retrieval.search.known_words import naming_words
from tests.fixtures.models import COLORS, SHAPES

scores = st.lists(st.integers(-20, 20).map(lambda n: n / 20), min_size=1, max_size=12)


@given(scores, scores)
def test_separates_as_well_as_any_threshold(fitting: list[float], noise: list[float]) -> None:
    threshold, accuracy = separate(np.array(fitting), np.array(noise))

    def balanced(place: float) -> float:
        accepted = sum(score >= place for score in fitting) / len(fitting)
        refused = sum(score < place for score in noise) / len(noise)
        return (accepted + refused) / 2

    assert accuracy == pytest.approx(balanced(threshold))
    every = {score + step for score in fitting + noise for step in (-0.01, 0, 0.01)}
    assert accuracy == pytest.approx(max(map(balanced, every)))


def test_clear_cases_are_split_in_the_middle() -> None:
    assert separate(np.array([0.6, 0.8]), np.array([0.1, 0.2])) == (pytest.approx(0.4), 1.0)


def test_ordinary_things_are_short_and_each_once() -> None:
    things = ordinary_things()
    assert len({*things}) == len(things) > 100
    assert all(1 <= len(naming_words(thing)) <= 4 for thing in things)


def test_a_sample_of_captions_is_always_the_same() -> None:
    captions = [f"a {color} circle {i}" for color in COLORS for i in range(40)]
    chosen = sample_captions([*captions, " ", ""])
    assert len({*chosen}) == 128
    assert chosen == sample_captions(captions[::-1] * 2)
    assert sample_captions(captions[:19]) == [], "too few to tell anything"


def test_the_least_fitting_word_counts() -> None:
    fits = {"a dog and a giraffe": 2.0, "dog": 1.5, "giraffe": -1.0}
    assert score("a dog and a giraffe", ["dog", "giraffe"], fits) == 1.0


def test_the_shapes_captions_tell_what_is_there(shapes_bundle: Bundle) -> None:
    confidence = shapes_bundle.manifest.confidence
    assert confidence.by_captions is not None
    assert confidence.accuracy is not None
    assert confidence.accuracy > 0.95


def test_absent_things_are_the_measure(shapes_bundle: Bundle) -> None:
    confidence = shapes_bundle.manifest.confidence
    things = ordinary_things()
    vectors = shapes_bundle.encoder.encode_text(things)
    near = np.array([nearness_of(vector, shapes_bundle.store) for vector in vectors])
    assert confidence.mean == pytest.approx(near.mean())
    assert confidence.deviation == pytest.approx(near.std())
    assert confidence.fit(float(near.mean() + near.std())) == pytest.approx(1)
    star = shapes_bundle.encoder.encode_text(["a yellow star"])[0]
    assert confidence.fit(nearness_of(star, shapes_bundle.store)) > 2


def test_so_much_of_what_is_absent_is_refused(shapes_bundle: Bundle) -> None:
    searcher = shapes_bundle.make_searcher(words=False, meaning=False)
    judge = searcher._judge
    assert judge is not None
    encode = shapes_bundle.encoder.encode_text
    things = ordinary_things()
    texts = [*things, *{word for thing in things for word in judge.to_encode(thing)}]
    vectors = dict(zip(texts, encode(texts), strict=True))
    refused = [not judge.judge([thing], vectors).fits for thing in things]
    assert np.mean(refused) == pytest.approx(BY_LOOKS, abs=0.02)


@pytest.mark.parametrize("kind", ["none", "file names"])
def test_captions_that_tell_nothing_are_left_out(shapes_bundle: Bundle, kind: str) -> None:
    texts = [] if kind == "none" else [f"dsc{i:04}.jpg" for i in range(60)]
    encode = shapes_bundle.encoder.encode_text
    vectors = encode(texts) if texts else np.zeros((0, 64), np.float32)
    confidence = calibrate(encode, shapes_bundle.store, None, vectors)
    assert confidence.by_captions is None
    assert (confidence.accuracy is None) == (kind == "none")
    assert confidence.by_looks == shapes_bundle.manifest.confidence.by_looks
    assert {*SHAPES}.isdisjoint(ordinary_things())
