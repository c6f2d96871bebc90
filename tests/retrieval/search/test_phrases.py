from collections.abc import Sequence

import numpy as np
import pytest

from retrieval.search.phrases import Phrases, mean_direction, wordings
from retrieval.search.query_bank import RequestBank, TypicalRequests

AXES = np.eye(8, dtype=np.float32)
REQUESTS = TypicalRequests(
    RequestBank(AXES[:1], {"person": AXES[0], "man": AXES[1], "red shirt": AXES[2]}),
    np.zeros(1, np.float32),
)


def encoded(texts: Sequence[str]) -> dict[str, np.ndarray]:
    return {text: AXES[3 + i % 5] for i, text in enumerate(texts)}


def test_a_phrase_looks_like_the_mean_of_its_wordings() -> None:
    assert wordings("dogs")[0] == "dogs"
    assert len(set(wordings("dogs"))) == 3
    assert mean_direction(AXES[:2]) == pytest.approx(np.append([0.5**0.5] * 2, np.zeros(6)))
    assert mean_direction([AXES[0], -AXES[0]]) == pytest.approx(np.zeros(8))


def test_requests_tell_what_they_know_and_the_rest_is_encoded() -> None:
    phrases = Phrases(REQUESTS)
    assert phrases.to_encode("any red shirts") == ()
    np.testing.assert_array_equal(phrases.direction("any red shirts", {}), AXES[2])
    texts = phrases.to_encode("submarines")
    assert texts == wordings("submarines")
    expected = mean_direction(AXES[3:6])
    assert phrases.direction("submarines", encoded(texts)) == pytest.approx(expected)
    assert Phrases(None).to_encode("red shirts") == wordings("red shirts")
    assert (phrases.to_encode(" ?"), phrases.direction(" ?", {})) == ((), None)


def test_a_general_word_looks_like_all_that_it_comprises() -> None:
    phrases = Phrases(REQUESTS)
    people = phrases.with_kinds("people", {})
    assert people == pytest.approx(mean_direction(AXES[:2]))
    np.testing.assert_array_equal(phrases.with_kinds("red shirts", {}), AXES[2])
    assert phrases.with_kinds("", {}) is None
