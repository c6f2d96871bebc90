import pytest

from retrieval.search.general_words import comprised, with_comprised
from retrieval.store.words import exclusion_phrase, stem


@pytest.mark.parametrize(
    ("phrase", "members"),
    [
        ("people", {"man", "woman", "child", "girl", "boy", "baby", "player", "crowd", "surfer"}),
        ("any animals", {"dog", "puppy", "horse", "bird", "duck", "fish"}),
        ("vehicles", {"car", "taxi", "boat", "canoe", "bicycle"}),
        ("water", {"sea", "ocean", "lake", "pond", "waterfall"}),
        ("the kids", {"child", "boy", "girl", "toddler"}),
        ("an automobile", {"car", "taxi"}),
        ("food", {"pizza", "apple", "carrot", "cake"}),
        ("buildings", {"house", "church", "barn"}),
        ("hats", {"cap", "sombrero"}),
    ],
)
def test_general_words_comprise_their_kinds(phrase: str, members: set[str]) -> None:
    assert members <= set(comprised(phrase))


@pytest.mark.parametrize(
    ("phrase", "others"),
    [
        ("people", {"dog", "fan", "model"}),
        ("dogs", {"dog", "cat", "wolf"}),
        ("men", {"man", "woman", "boy"}),
        ("water", {"beach", "water"}),
        ("food", {"orange", "coffee"}),
    ],
)
def test_and_nothing_else(phrase: str, others: set[str]) -> None:
    assert others.isdisjoint(comprised(phrase))


@pytest.mark.parametrize(
    "phrase", ["old people", "people in hats", "a red car", "submarine", "puppy", "", "the of"]
)
def test_what_is_special_comprises_nothing(phrase: str) -> None:
    assert comprised(phrase) == ()


def test_each_kind_comes_once_and_never_the_phrase_itself() -> None:
    words = comprised("people")
    keys = [" ".join(map(stem, exclusion_phrase(word))) for word in words]
    assert len(set(keys)) == len(keys)
    assert stem("people") not in keys


def test_several_phrases_keep_their_order() -> None:
    found = with_comprised(("red hats", "dogs"))
    assert found[:2] == ("red hats", "dogs")
    assert "puppy" in found
    assert with_comprised(("dogs", "canines")).count("puppy") == 1
