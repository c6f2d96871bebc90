"""Random views: how much of a picture they show, and that they show what they say."""

import numpy as np

from embedding.training.augment import cut_views, draw_views


def test_views_stay_within_their_bounds() -> None:
    views = draw_views(2000, np.random.default_rng(0), mirrored=True)
    left, top, width, height, flipped = views.T
    assert min(left.min(), top.min()) >= 0
    assert max((left + width).max(), (top + height).max()) <= 1
    area, aspect = width * height, width / height
    assert 0.5 < area.min() < 0.65
    assert area.max() > 0.95
    assert 0.74 < aspect.min() < 0.8 < 1.25 < aspect.max() < 1.34
    assert 0.45 < flipped.mean() < 0.55
    assert not draw_views(99, np.random.default_rng(0), mirrored=False)[:, 4].any()


def test_a_view_is_that_part_of_the_picture() -> None:
    square = np.zeros((1, 100, 100, 3), np.uint8)
    square[0, :, 50:] = (255, 0, 0)  # the right half is red
    right = cut_views(square, np.array([[0.5, 0.0, 0.5, 1.0, 0.0]]), 20)
    assert right.shape == (1, 20, 20, 3)
    assert (right[0, :, 2:] == (255, 0, 0)).all()
    whole = np.array([[0.0, 0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0, 1.0]])
    plain, mirrored = cut_views(np.repeat(square, 2, axis=0), whole, 20)
    assert (plain[:, 12:, 0] == 255).all()
    assert (plain[:, :8] == 0).all()
    assert (mirrored == plain[:, ::-1]).all()
