"""Phrases with alternatives, and blanks in the place of what is left out."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from bot.wording.phrases import any_of, only, spelled_out


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


def test_the_longest_phrase_is_taken_that_what_follows_allows() -> None:
    pattern = re.compile(any_of({"no": ["no", "no more", "none", "don't"]}, "no"))
    assert re.match(pattern, "no  more cats")[0] == "no  more"  # type: ignore[index]
    assert re.fullmatch(rf"{pattern.pattern} more", "no more")
    assert re.match(pattern, "dont")
    assert re.match(pattern, "don\u2019t")
    assert not re.match(pattern, "more")
    assert not re.match(any_of({}, "no"), "")


@given(st.sets(st.text("ab ", min_size=1).filter(str.strip)), st.text("ab "))
def test_phrases_that_share_a_beginning_are_found_as_if_each_stood_alone(
    phrases: set[str], text: str
) -> None:
    spaced = (r"\s+".join(phrase.split()) for phrase in phrases)
    alone = "|".join(sorted(spaced, key=len, reverse=True)) or "(?!)"
    found = re.search(any_of({"some": [*phrases]}, "some") + r"\b", text)
    expected = re.search(rf"(?:{alone})\b", text)
    assert (found and found.span()) == (expected and expected.span())
