"""Phrases with alternatives, and blanks in the place of what is left out."""

from __future__ import annotations

from bot.wording.phrases import only, spelled_out


def test_blanks_stand_for_what_is_left_out() -> None:
    assert only("dogs no cats", [(5, 12)], inside=False) == "dogs        "
    assert only("dogs no cats", [(5, 7), (8, 12)], inside=True) == "     no cats"


def test_a_phrase_with_alternatives_stands_for_all_of_them() -> None:
    assert spelled_out("(don't|do not) want (to see|)") == [
        "don't want to see",
        "don't want",
        "do not want to see",
        "do not want",
    ]
    assert spelled_out("no more") == ["no more"]
