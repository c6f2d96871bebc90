"""A word in the place of another, a part taken out: what is left reads as it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.understanding.rasa_project import RasaProject
from bot.wording.classes import Classes
from bot.wording.edits import Editor, names, same_thing


@pytest.fixture(scope="module")
def english() -> Editor:
    return Editor(Classes(RasaProject.load().classes))


@pytest.mark.parametrize(
    ("text", "value", "edited"),
    [
        ("a man on a bike", "a woman", "a woman on a bike"),
        ("a man on a bike", "woman", "a woman on a bike"),
        ("a red car", "blue", "a blue car"),
        ("a red car", "a blue one", "a blue car"),
        ("an orange car", "red", "a red car"),
        ("a red car", "orange", "an orange car"),
        ("two dogs on grass", "three", "three dogs on grass"),
        ("a dog in the snow", "a cat", "a cat in the snow"),
        ("a street by day", "night", "a street by night"),
        ("a small dog", "bigger", "a big dog"),
        ("a black and white dog", "brown", "a brown dog"),
        ("a dog", "a cat", "a cat"),
        ("a dog", "two cats on a red sofa", "two cats on a red sofa"),
        ("a dog", "blue", None),
        ("a red car", "red", None),
        ("a dog", "a hat", None),
        ("a boy on a slide", "with his mother", None),
        ("a guy on a surfboard", "skateboard", "a guy on a skateboard"),
        ("a boy with a dog", "with a cat", "a boy with a cat"),
    ],
)
def test_a_value_takes_the_place_of_its_class(
    english: Editor, text: str, value: str, edited: str | None
) -> None:
    assert english.replace_same_class(text, value) == edited


@pytest.mark.parametrize(
    ("value", "edited"),
    [("three dogs", "three white dogs on grass"), ("brown", None), ("a cat", None)],
)
def test_unasked_only_what_excludes_the_old_replaces_it(
    english: Editor, value: str, edited: str | None
) -> None:
    text = "two white dogs on grass"
    assert english.replace_same_class(text, value, only_exclusive=True) == edited


@pytest.mark.parametrize(
    ("text", "value", "edited"),
    [
        ("a dog on grass", "on a sofa", "a dog on a sofa"),
        ("a dog with a ball in water", "in snow", "a dog with a ball in snow"),
        ("a dog on grass", "in water", None),
        ("a dog on grass", "a sofa", None),
        ("on grass", "on a sofa", None),
    ],
)
def test_a_phrase_takes_the_place_of_one_that_begins_alike(
    english: Editor, text: str, value: str, edited: str | None
) -> None:
    assert english.replace_phrase(text, value) == edited


@pytest.mark.parametrize(
    ("text", "value", "edited"),
    [
        ("a man riding a horse", "a unicycle", "a man riding a unicycle"),
        ("a man riding a horse", "a woman", "a woman riding a horse"),
        ("a dog", "a cat", None),
        ("a man riding a horse", "a dog on a bike", None),
        ("a man riding a horse", "on a beach", None),
    ],
)
def test_a_thing_takes_the_place_of_whom_it_is_about_or_of_what_is_there(
    english: Editor, text: str, value: str, edited: str | None
) -> None:
    assert english.replace_part(text, value) == edited


@pytest.mark.parametrize(
    ("text", "value", "edited"),
    [
        ("a kid in a red jacket", "two kids", "two kids in a red jacket"),
        ("two dogs on grass", "a dog", "a dog on grass"),
        ("a kid in a red jacket", "two cats", None),
        ("a kid in a red jacket", "kids", None),
        ("a kid on a bike", "on a kid", None),
    ],
)
def test_the_same_thing_takes_another_form(
    english: Editor, text: str, value: str, edited: str | None
) -> None:
    assert english.replace_form(text, value) == edited


@pytest.mark.parametrize(
    ("text", "old", "new", "edited"),
    [
        ("a dog on grass", "dogs", "a cat", "a cat on grass"),
        ("a dog on grass", "the dog", "cat", "a cat on grass"),
        ("the dog on grass", "dog", "a cat", "a cat on grass"),
        ("a woman on a bike", "the bike", "on a horse", "a woman on a horse"),
        ("a woman with a bike", "the bike", "on a horse", "a woman on a horse"),
        ("a dog on grass", "a bird", "a cat", None),
    ],
)
def test_what_is_named_makes_room_for_the_new(
    english: Editor, text: str, old: str, new: str, edited: str | None
) -> None:
    assert english.replace_in(text, old, new) == edited


@pytest.mark.parametrize(
    ("text", "gone", "left"),
    [
        ("a dog on grass", "the grass", "a dog"),
        ("a dog on grass", "the dog", "grass"),
        ("a dog in a red hat", "the hat", "a dog"),
        ("a dog in a red hat", "red", "a dog in a hat"),
        ("a dog and a cat", "the cat", "a dog"),
        ("a dog and a cat", "dogs", "a cat"),
        ("an orange hat", "orange", "a hat"),
        ("a dog", "the dog", ""),
        ("a dog", "the cat", None),
        ("a dog on grass", "the", None),
        ("a dog on grass", "dog in snow", None),
    ],
)
def test_what_is_taken_out_takes_along_what_leads_to_it(
    english: Editor, text: str, gone: str, left: str | None
) -> None:
    assert english.take_out(text, gone) == left


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a smaller one", "small"),
        ("brighter", "bright"),
        ("a bigger dog", "a big dog"),
        ("a dog", "a dog"),
        ("only one person", "only one person"),
    ],
)
def test_a_comparative_is_looked_for_as_what_it_comes_to(
    english: Editor, text: str, meant: str
) -> None:
    assert english.positive(text) == meant


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("surfing", "surfer", True),
        ("man", "men", True),
        ("dog", "dogs", True),
        ("cat", "caterpillar", False),
        ("man", "woman", False),
        ("car", "cart", False),
        ("snow", "snowboarder", False),
        ("camping", "campfire", False),
        ("football", "foot", False),
        ("swimmer", "swimming", True),
    ],
)
def test_forms_of_one_word_are_one_thing(one: str, other: str, same: bool) -> None:
    assert same_thing(one, other) == same_thing(other, one) == same


def test_only_what_can_be_seen_is_named() -> None:
    assert names("the Dog with a red ball, please") == ["dog", "red", "ball"]
    assert names("the one with it") == []


texts = st.lists(
    st.sampled_from(["a", "the", "red", "dog", "on", "in", "grass", "and", "two", "men", ","]),
    max_size=8,
).map(" ".join)


@given(texts, texts)
def test_no_text_is_too_odd_to_edit(english: Editor, text: str, value: str) -> None:
    for edited in (
        english.replace_same_class(text, value),
        english.replace_phrase(text, value),
        english.replace_form(text, value),
        english.replace_part(text, value),
        english.replace_in(text, value, "a cat"),
        english.take_out(text, value),
    ):
        assert edited is None or edited == " ".join(edited.split())


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("leaning on a wall", True),
        ("reading a book", True),
        ("fishing boats", False),
        ("a man on a wall", False),
        ("\u2605\u2605", False),
        ("", False),
    ],
)
def test_what_a_thing_does_is_told_from_things(english: Editor, text: str, tells: bool) -> None:
    assert english.tells_more(text) is tells
