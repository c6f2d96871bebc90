"""Typing errors in command words."""

from __future__ import annotations

import pytest

from bot.wording.spelling import Speller

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
