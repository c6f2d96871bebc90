import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.bundle.bundle import Bundle
from retrieval.search.confidence import TOLERANCE, calibrate, nonsense, separate

scores = st.lists(st.integers(-20, 20).map(lambda n: n / 20), min_size=1, max_size=12)


@given(scores, scores)
def test_separates_about_as_well_as_any_threshold(fitting: list[float], noise: list[float]) -> None:
    threshold, accuracy = separate(np.array(fitting), np.array(noise))

    def balanced(place: float) -> float:
        accepted = sum(score >= place for score in fitting) / len(fitting)
        refused = sum(score < place for score in noise) / len(noise)
        return (accepted + refused) / 2

    assert accuracy == pytest.approx(balanced(threshold))
    every = {score + step for score in fitting + noise for step in (-0.01, 0, 0.01)}
    best = max(map(balanced, every))
    assert accuracy >= best - TOLERANCE - 1e-9
    # No threshold below one more of the scores does as well.
    every_score = {score for score in fitting + noise if score < threshold}
    assert all(balanced(score) < best - TOLERANCE + 1e-9 for score in every_score)


def test_the_lowest_of_about_equal_thresholds_is_taken() -> None:
    noise = np.linspace(0.0, 0.5, 101)
    threshold, accuracy = separate(np.full(50, 0.9), noise)
    assert threshold == pytest.approx(0.485, abs=0.006)
    assert accuracy == pytest.approx(0.98, abs=0.003)


def test_clear_cases_are_split_in_the_middle() -> None:
    assert separate(np.array([0.6, 0.8]), np.array([0.1, 0.2])) == (pytest.approx(0.4), 1.0)


def test_nonsense_is_always_the_same_and_as_long_as_asked() -> None:
    texts = nonsense(6, [1, 3])
    assert texts == nonsense(6, [1, 3])
    assert [len(text.split()) for text in texts] == [1, 3] * 3
    assert len(set(texts)) == 6


def test_the_shapes_own_captions_are_told_from_nonsense(shapes_bundle: Bundle) -> None:
    confidence = shapes_bundle.manifest.confidence
    assert confidence.rule == "captions"
    assert confidence.accuracy is not None
    assert confidence.accuracy > 0.95


def test_without_captions_one_nonsense_text_in_twenty_passes(shapes_bundle: Bundle) -> None:
    confidence = calibrate(shapes_bundle.encoder.encode_text, shapes_bundle.store, ["", " "])
    assert (confidence.rule, confidence.accuracy) == ("nonsense", None)
    vectors = shapes_bundle.encoder.encode_text(nonsense(128, [1, 2, 3, 4, 5]))
    best = [shapes_bundle.store.search(vector, 1)[1][0] for vector in vectors]
    assert np.mean(np.array(best) >= confidence.threshold) == pytest.approx(0.05, abs=0.01)


def test_captions_that_say_nothing_fall_back(shapes_bundle: Bundle) -> None:
    files = [f"{word}.{i}" for i, word in enumerate(nonsense(60, [1]))]
    confidence = calibrate(shapes_bundle.encoder.encode_text, shapes_bundle.store, files)
    assert confidence.rule == "nonsense"
    assert confidence.accuracy is not None
    assert confidence.accuracy < 0.75


def test_is_the_same_every_time(shapes_bundle: Bundle) -> None:
    captions = [f"a {color} circle" for color in ("red", "blue", "green")]
    encode = shapes_bundle.encoder.encode_text
    assert calibrate(encode, shapes_bundle.store, captions) == calibrate(
        encode, shapes_bundle.store, list(reversed(captions)) * 2
    )
