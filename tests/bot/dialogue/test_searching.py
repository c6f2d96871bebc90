"""Which exclusions hold on, and which are lifted."""

from __future__ import annotations

import pytest

from bot.dialogue.searching import lifted, still_excluded


@pytest.mark.parametrize(
    ("allowed", "expected"),
    [
        ("dogs", ("a dog",)),
        ("the red cars", ("red cars",)),
        ("everything", ("a dog", "red cars", "children")),
        ("a child", ("children",)),
        ("cats", ()),
    ],
)
def test_what_is_allowed_again_is_found_among_the_exclusions(
    allowed: str, expected: tuple[str, ...]
) -> None:
    assert lifted(("a dog", "red cars", "children"), allowed) == expected


def test_the_very_exclusion_goes_before_those_that_share_a_word() -> None:
    assert lifted(("red cars", "red buses"), "red cars") == ("red cars",)


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ("a cat", ("dogs", "red cars", "people")),
        ("a dog", ("red cars", "people")),
        ("a red bus", ("dogs", "red cars", "people")),
        ("a red car with dogs", ("people",)),
        ("one person", ("dogs", "red cars")),
        ("", ("dogs", "red cars", "people")),
    ],
)
def test_asking_for_something_lifts_its_exclusion(wanted: str, kept: tuple[str, ...]) -> None:
    assert still_excluded(("dogs", "red cars", "people"), wanted) == kept
