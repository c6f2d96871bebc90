"""What is said of pictures by their numbers, in the words of each language."""

from __future__ import annotations

import pytest

from bot.understanding.rasa_project import RasaProject
from bot.wording.numbered import NumberedReader
from bot.wording.text import Normalizer


def reader(language: str) -> NumberedReader:
    project = RasaProject.load(language=language)
    return NumberedReader(project.clauses, Normalizer(project.synonyms, ()))


@pytest.fixture(scope="module")
def english() -> NumberedReader:
    return reader("en")


@pytest.fixture(scope="module")
def german() -> NumberedReader:
    return reader("de")


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("4 is spot on, 2 is way off", [4], [2]),
        ("The first one is great, the second one is awful!", [1], [2]),
        ("1 and 3 are great, 2 is not", [1, 3], [2]),
        ("I love the third one but hate the first", [3], [1]),
        ("the first is good. The last isn't.", [1], [-1]),
        ("3 looks really nice", [3], []),
        ("number 2 is no good", [], [2]),
        ("I like 1, 2 and the 4th", [1, 2, 4], []),
        ("1 and 3 come close, 4 doesn't", [1, 3], [4]),
        ("the second, yes! the first, no", [2], [1]),
        ("number 3 misses the point", [], [3]),
        # Nothing is said of a picture here, or something else beside.
        ("two are great", [], []),
        ("the dog is great", [], []),
        ("3 is a dog", [], []),
        ("4 is great, now with a ball", [], []),
        ("I like dogs", [], []),
        ("", [], []),
    ],
)
def test_what_is_thought_of_pictures(
    english: NumberedReader, text: str, good: list[int], bad: list[int]
) -> None:
    verdicts = english.verdicts(text)
    assert [picture.position for picture, is_good in verdicts if is_good] == good
    assert [picture.position for picture, is_good in verdicts if not is_good] == bad


@pytest.mark.parametrize(
    ("text", "pictures", "beside"),
    [
        ("more like 2, but on a bike", [2], "on a bike"),
        ("something like the second one with snow", [2], "with snow"),
        ("like 2 and 3 but in the dark", [2, 3], "in the dark"),
        ("similar to 3, only in the snow", [3], "in the snow"),
        ("like a dog, but red", [], ""),
        ("more like 2", [], ""),
    ],
)
def test_what_others_are_to_be_like(
    english: NumberedReader, text: str, pictures: list[int], beside: str
) -> None:
    example = english.example(text)
    assert [one.position for one in example.pictures] == pictures if example else not pictures
    assert text[example.start : example.end] == beside if example else not beside


def test_german_verdicts_and_examples(german: NumberedReader) -> None:
    verdicts = german.verdicts("das erste ist toll, das zweite ist langweilig")
    assert [(picture.position, is_good) for picture, is_good in verdicts] == [(1, True), (2, False)]
    example = german.example("so etwas wie das zweite, aber mit Schnee")
    assert example is not None
    assert [one.position for one in example.pictures] == [2]


def test_a_language_without_words_for_it_says_nothing() -> None:
    silent = NumberedReader({}, Normalizer({}, ()))
    assert silent.verdicts("1 is great") == []
    assert silent.example("more like 1, but red") is None
