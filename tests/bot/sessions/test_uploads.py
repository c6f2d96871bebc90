"""Uploads on their way into the session record and out again."""

from __future__ import annotations

import random

import pytest
from PIL import Image

from bot.sessions.uploads import open_upload, store_upload
from tests.fixtures.models import draw_shape


def test_uploads_are_kept_small() -> None:
    key, stored = store_upload(draw_shape("red", "star", 1, size=3000))
    picture = open_upload(stored)
    assert max(picture.size) == 384
    assert len(stored) < 100_000
    assert key == store_upload(draw_shape("red", "star", 1, size=3000))[0]


def test_a_picture_of_pure_noise_is_kept_small_too() -> None:
    """Nothing compresses worse, so no upload takes more: three in base64 are 120 KB a session."""
    noise = Image.frombytes("RGB", (1200, 1200), random.Random(1).randbytes(3 * 1200 * 1200))
    _, stored = store_upload(noise)
    assert max(open_upload(stored).size) == 384
    assert len(stored) <= 40_000


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_pictures_of_any_mode_come_back_in_color(mode: str) -> None:
    picture = draw_shape("blue", "ring", 2)
    picture = picture.convert("I").convert("I;16") if mode == "I;16" else picture.convert(mode)
    _, stored = store_upload(picture)
    assert open_upload(stored).mode == "RGB"


def test_different_pictures_have_different_keys() -> None:
    keys = {store_upload(draw_shape("red", "star", variant))[0] for variant in range(3)}
    assert len(keys) == 3
