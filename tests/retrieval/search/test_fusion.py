import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.search.fusion import Rankings, fuse

rankings = st.lists(st.permutations(range(8)).map(lambda p: p[:5]), min_size=1, max_size=3)


@given(rankings, st.lists(st.floats(0.1, 3), min_size=3, max_size=3), st.integers(1, 100))
def test_equals_a_slow_loop(rankings: list[list[int]], weights: list[float], constant: int) -> None:
    weights = weights[: len(rankings)]
    slow = {}
    for item in {item for ranking in rankings for item in ranking}:
        slow[item] = 0.0
        for ranking, weight in zip(rankings, weights, strict=True):
            for place in range(len(ranking)):
                if ranking[place] == item:
                    slow[item] += weight / (constant + place + 1)
    fast = fuse(rankings, weights, constant)
    assert dict(fast) == pytest.approx(slow)
    assert [score for _, score in fast] == sorted(slow.values(), reverse=True) or pytest.approx(
        [score for _, score in fast]
    ) == sorted(slow.values(), reverse=True)


def test_weights_may_belong_to_items() -> None:
    fused = fuse([[1, 2], [2, 3]], [1.0, {2: 0.0, 3: 10.0}], constant=60)
    assert [item for item, _ in fused] == [3, 1, 2]
    assert dict(fused)[2] == pytest.approx(1 / 62)


def test_an_empty_ranking_changes_nothing() -> None:
    assert [item for item, _ in fuse([[4, 7], []], [1, 1])] == [4, 7]


def test_as_many_weights_as_rankings() -> None:
    with pytest.raises(ValueError, match="shorter"):
        fuse([[1], [2]], [1.0])


def test_ties_keep_the_order_of_the_first_ranking() -> None:
    assert [item for item, _ in fuse([[9, 2], [2, 9]], [1, 1])] == [9, 2]
    assert [item for item, _ in fuse([[2, 9], [9, 2]], [1, 1])] == [2, 9]


def test_half_of_a_request_counts_a_quarter() -> None:
    rankings = Rankings(looks=[1, 2, 3], words=[3, 2], meaning=[], coverage={3: 1.0, 2: 0.5})
    scores = {1: 1 / 61, 2: 1 / 62 + 0.25 / 62, 3: 1 / 63 + 1 / 61}
    assert rankings.fused() == sorted(scores, key=lambda row: -scores[row])
