"""Which words can stand in the place of which."""

from __future__ import annotations

import pytest

from bot.understanding.rasa_project import RasaProject
from bot.wording.classes import Classes


@pytest.fixture(scope="module")
def english() -> Classes:
    return Classes(RasaProject.load().classes)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("red", "blue"),
        ("man", "women"),
        ("dogs", "cat"),
        ("two", "several"),
        ("beach", "forest"),
        ("day", "night"),
        ("running", "sitting"),
    ],
)
def test_a_word_can_take_the_place_of_one_of_its_class(
    english: Classes, one: str, other: str
) -> None:
    assert english.of(one) is not None
    assert english.of(one) == english.of(other)


@pytest.mark.parametrize(("one", "other"), [("red", "two"), ("man", "dog"), ("car", "beach")])
def test_and_of_no_other(english: Classes, one: str, other: str) -> None:
    assert english.of(one) != english.of(other)


def test_most_words_have_no_class(english: Classes) -> None:
    assert english.of("telescope") is None


def test_no_word_is_of_two_classes(english: Classes) -> None:
    data = RasaProject.load().classes
    for kind in ("exclusive", "replaced"):
        for name in data[kind]:
            for word in english.words_of(name):
                assert english.of(word) is not None, word


@pytest.mark.parametrize(
    ("word", "is_exclusive"), [("night", True), ("two", True), ("red", False), ("dog", False)]
)
def test_a_thing_has_one_number_but_several_colours(
    english: Classes, word: str, is_exclusive: bool
) -> None:
    assert english.is_exclusive(english.of(word)) == is_exclusive


@pytest.mark.parametrize(
    ("text", "is_attribute"),
    [
        ("red", True),
        ("a sleeping one", True),
        ("smaller", True),
        ("two", True),
        ("a red car", False),
        ("a dog", False),
        ("one", False),
        ("", False),
    ],
)
def test_what_a_thing_is_like_names_no_thing(
    english: Classes, text: str, is_attribute: bool
) -> None:
    assert english.is_attribute(text) == is_attribute


def test_a_comparative_comes_to_what_pixels_show(english: Classes) -> None:
    assert [english.positive(word) for word in ("smaller", "brighter", "dog")] == [
        *["small", "bright", "dog"]
    ]


def test_a_language_without_data_knows_no_class() -> None:
    plain = Classes({})
    assert plain.of("red") is None
    assert not plain.is_attribute("red")
    assert plain.words_of("colour") == []
    assert plain.articles == plain.placing == frozenset()
