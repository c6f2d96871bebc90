"""The figures of simulated conversations, against the sums that their definitions ask for."""

import math

import numpy as np
import pytest

from benchmarks.conversation.rounds import best_log_rank_integral


def test_bri_is_0_for_a_picture_that_is_always_first():
    assert best_log_rank_integral(np.ones((3, 5), int)) == 0


def test_bri_is_the_mean_area_below_the_logarithm_of_the_best_rank_so_far():
    ranks = np.array([[8, 20, 4, 4, 1], [50, 10, 30, 2, 5]])
    best = [[8, 8, 4, 4, 1], [50, 10, 10, 2, 2]]
    areas = [
        (math.log(row[0] * row[-1]) / 2 + sum(math.log(rank) for rank in row[1:-1])) / 4
        for row in best
    ]
    assert best_log_rank_integral(ranks) == pytest.approx(np.mean(areas))


def test_bri_rewards_what_is_found_early():
    early, late = np.array([[9, 1, 1, 1, 1]]), np.array([[9, 9, 9, 9, 1]])
    assert best_log_rank_integral(early) < best_log_rank_integral(late)
