"""The gain is that of captions held out, and nothing is gained where nothing is to be learned."""

import numpy as np
import numpy.typing as npt
import pytest

from embedding.adaptation.gain import Gain, Lessons, measure_gain
from embedding.adaptation.text_map import TextMap
from embedding.errors import DataError
from embedding.model.vectors import Vectors, unit
from tests.embedding.adaptation.test_text_map import DIMENSION, PICTURES, world


def none_off(_map: TextMap | None, _captions: Vectors) -> npt.NDArray[np.float32]:
    return np.zeros(PICTURES, np.float32)


def gain(texts: Vectors, pictures: Vectors) -> Gain:
    return measure_gain(Lessons(texts, np.arange(PICTURES), pictures), none_off)


def test_a_turned_space_is_a_real_gain() -> None:
    measured = gain(*world(noise=0.05))
    assert measured.is_real
    assert (measured.captions, measured.pictures) == (PICTURES, PICTURES)
    before, after, difference = (
        side[0].value for side in (measured.before, measured.after, measured.difference)
    )
    assert after > before + 30
    assert difference == pytest.approx(after - before, abs=0.11)
    low, high = measured.difference[0].interval
    assert low < difference < high
    assert measured.total.value == pytest.approx(
        sum(one.value for one in measured.difference), abs=0.2
    )


def test_captions_that_say_nothing_of_their_pictures_gain_nothing() -> None:
    # A map that had seen the captions that it is measured by would find them all.
    rng = np.random.default_rng(1)
    texts = unit(rng.normal(size=(PICTURES, DIMENSION)).astype(np.float32))
    measured = gain(texts, world()[1])
    assert not measured.is_real
    assert measured.after[0].value < 5


def test_what_the_search_takes_off_counts_on_both_sides() -> None:
    texts, pictures = world(noise=0.05)
    asked: list[tuple[bool, int]] = []

    def first_is_banned(text_map: TextMap | None, captions: Vectors) -> npt.NDArray[np.float32]:
        asked.append((text_map is not None, len(captions)))
        return np.where(np.arange(PICTURES) < PICTURES // 2, 9, 0).astype(np.float32)

    measured = measure_gain(Lessons(texts, np.arange(PICTURES), pictures), first_is_banned)
    assert asked == [(False, 0), *[(True, 160)] * 5]
    assert measured.after[2].value <= 50


def test_too_few_pictures_are_named() -> None:
    texts, pictures = world()
    with pytest.raises(DataError, match="cannot make 5 folds of 3 images"):
        measure_gain(Lessons(texts[:3], np.arange(3), pictures), none_off)
