"""Bootstrap intervals equal the slow loop over drawn images, and are as wide as they should be."""

import numpy as np
import pytest

from embedding.evaluation.intervals import bootstrap
from embedding.evaluation.recall import recall


def naive(ranks: np.ndarray, owners: np.ndarray, draws: np.ndarray) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"r1": [], "r5": [], "r10": [], "median_rank": []}
    for counts in draws:
        drawn = [
            rank
            for image, times in enumerate(counts)
            for rank in list(ranks[owners == image]) * int(times)
        ]
        for k in (1, 5, 10):
            found[f"r{k}"].append(100 * sum(rank <= k for rank in drawn) / len(drawn))
        found["median_rank"].append(float(np.median(drawn)))
    return {key: np.percentile(values, (2.5, 97.5)).tolist() for key, values in found.items()}


def test_intervals_equal_the_naive_resampling() -> None:
    random = np.random.default_rng(1)
    # Images 2 and 5 have no captions; the others one to four.
    owners = np.repeat([0, 1, 3, 4, 6, 7], [4, 1, 2, 3, 1, 2])
    text_ranks = random.integers(1, 15, len(owners))
    image_ranks = random.integers(1, 15, 6)
    found = bootstrap(text_ranks, image_ranks, owners, resamples=200, seed=3)
    draws = np.random.default_rng(3).multinomial(6, np.full(6, 1 / 6), size=200)
    packed = np.unique(owners, return_inverse=True)[1]
    for key, expected in naive(text_ranks, packed, draws).items():
        assert found["text_to_image"][key] == pytest.approx(expected, abs=0.006)
    for key, expected in naive(image_ranks, np.arange(6), draws).items():
        assert found["image_to_text"][key] == pytest.approx(expected, abs=0.006)


def test_captions_of_one_image_do_not_count_as_independent() -> None:
    # Half of the images are found by all their ten captions, half by none.
    owners = np.repeat(np.arange(100), 10)
    ranks = np.where(owners % 2 == 0, 1, 50)
    low, high = bootstrap(ranks, ranks[::10], owners)["text_to_image"]["r1"]
    # The standard error of a share of 100 independent images is 5 %; of 1,000 captions 1.6 %.
    assert 15 < high - low < 25


def test_recall_with_intervals_says_the_same_each_time() -> None:
    random = np.random.default_rng(0)
    texts, images = (random.normal(size=(n, 4)).astype(np.float32) for n in (60, 30))
    found = recall(texts, images, np.arange(60) // 2, intervals=True)
    again = recall(texts, images, np.arange(60) // 2, intervals=True)
    assert found == again
    for direction in ("text_to_image", "image_to_text"):
        for key in ("r1", "r5", "r10", "median_rank"):
            low, high = found["intervals"][direction][key]
            assert low <= found[direction][key] <= high
    assert "intervals" not in recall(texts, images, np.arange(60) // 2)
