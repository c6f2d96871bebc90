"""Words of a text, and what numbers and ratings among them mean."""

from __future__ import annotations

import pytest

from bot.wording.text import Normalizer, spell_out_emoji, split_words


def test_only_unknown_words_are_corrected() -> None:
    normalizer = Normalizer({"three": "3", "right": "-1", "love": "up"}, ["there", "night"])
    assert normalizer.position("thre") == 3
    assert normalizer.position("there") is None
    assert normalizer.position("night") is None
    assert normalizer.position("0") is None
    assert normalizer.rating("lovee") == "up"
    assert normalizer.rating("three") is None


def test_words_keep_their_places() -> None:
    words = split_words("Don\u2019t show X-rays, #3!")
    assert [word.text for word in words] == ["don't", "show", "x-rays", "3"]
    assert [(word.start, word.end) for word in words] == [(0, 5), (6, 10), (11, 17), (20, 21)]


def test_words_know_the_punctuation_around_them() -> None:
    words = split_words('a "red" bus, please?')
    assert [word.mark for word in words] == ["", "", "", ","]
    assert [word.after for word in words] == ["", "", ",", "?"]


def test_short_for_without_is_one_word() -> None:
    assert [word.text for word in split_words("a dog w/o people, w/ a hat")] == [
        *["a", "dog", "w/o", "people", "w/", "a", "hat"]
    ]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("\U0001f436", "dog face"),
        ("\U0001f44d\U0001f3fd", "thumbs up"),
        ("\u2764\ufe0f", "heart"),
        ("\U0001f436 \U0001f436 \U0001f3d6\ufe0f", "dog face and beach with umbrella"),
        ("a dog \U0001f436", ""),
        ("\U0001f1e9\U0001f1ea", ""),
        ("?!", ""),
        ("", ""),
    ],
)
def test_emoji_alone_are_spelled_out(text: str, names: str) -> None:
    assert spell_out_emoji(text) == names
