"""Typing errors: in command words, and in what is looked for."""

from __future__ import annotations

import pytest

from bot.wording.spelling import ContentSpeller, Speller

KNOWN = {"mole", "shoe", "show", "undo"}


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("shwo", "show"),
        ("udno", "undo"),
        ("undoo", "undo"),
        ("wihtout", "without"),
        ("shoe", "shoe"),
        ("mole", "mole"),
        ("hedgehog", "hedgehog"),
        ("xy", "xy"),
        ("sh0w", "sh0w"),
    ],
)
def test_only_slips_of_command_words_are_mended(word: str, meant: str) -> None:
    speller = Speller(["show", "undo", "without", "more"], KNOWN.__contains__)
    assert speller.correct(word) == meant


def test_without_a_vocabulary_nothing_is_mended() -> None:
    assert Speller(["show"], None).correct("shwo") == "shwo"


def test_swapped_letters_go_before_other_slips() -> None:
    assert Speller(["from", "form"], lambda _: False).correct("fomr") == "form"


GALLERY = {
    "does": 90,
    "dries": 30,
    "girl": 40,
    "grill": 3,
    "dress": 12,
    "skateboard": 9,
    "man": 80,
    "men": 30,
    "beach": 20,
    "elephant": 5,
}


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("a gril in a red dres", "a girl in a red dress"),
        ("Gril", "girl"),
        ("a skaetbord", "a skateboard"),
        ("at the beech", "at the beech"),
        ("a hedgehog", "a hedgehog"),
        ("two skateboards", "two skateboards"),
        ("a mna", "a mna"),
        ("a wite dres", "a wite dress"),
        ("a skate bord", "a skate bord"),
        ("a skateborder", "a skateborder"),
        ("an elefant", "an elephant"),
        ("somthing red", "something red"),
        ("xyzzyq", "xyzzyq"),
        ("", ""),
    ],
)
def test_content_is_spelled_by_the_words_of_the_gallery(text: str, mended: str) -> None:
    known = {"in", "red", "the", "beech", "hedgehog"}
    assert ContentSpeller(GALLERY, known.__contains__).correct(text) == mended


def test_of_words_as_near_the_more_common_is_meant() -> None:
    vocabulary = {"cart": 2, "card": 7}
    assert ContentSpeller(vocabulary, lambda _: False).correct("carx") == "card"


def test_errors_that_captions_have_too_are_mended() -> None:
    vocabulary = {"moutain": 2, "mountain": 100, "mountains": 60, "nikeball": 2, "bikeball": 99}
    correct = ContentSpeller(vocabulary, {"snowy"}.__contains__).correct
    assert correct("a snowy moutain") == "a snowy mountain"
    assert correct("a nikeball") == "a nikeball"


def test_the_nearer_word_goes_before_the_more_common() -> None:
    vocabulary = {"surfboard": 1, "surfboarder": 99}
    assert ContentSpeller(vocabulary, lambda _: False).correct("surfboad") == "surfboard"
