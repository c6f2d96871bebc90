"""Which clauses exclude, and what they list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.understanding.rasa_project import RasaProject
from bot.wording.clauses import ClauseSplitter


@pytest.fixture(scope="module")
def english() -> ClauseSplitter:
    return ClauseSplitter(RasaProject.load().clauses)


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("dogs but no people", ["but no people"]),
        ("dogs, but no people, please", ["but no people"]),
        ("no people, no dogs", ["no people", ", no dogs"]),
        ("a beach without people, dogs or boats", ["without people, dogs or boats"]),
        ("without people but with dogs", ["without people"]),
        ("no people. a beach", ["no people"]),
        ("No people, just a beach", ["No people"]),
        ("not without water", []),
        ("no, a cat", []),
        ("a dog with no  leash", ["with no  leash"]),
        ("a notebook", []),
        ("somebody w/o a hat", ["w/o a hat"]),
        ("puppies, and I don't want to see grass", [", and I don't want to see grass"]),
        ("leave the umbrella off again", ["leave the umbrella off again"]),
        ("without", []),
        ("a crowd - hats I don't need", [" hats I don't need"]),
        ("exclude: flags, smoke", ["exclude: flags, smoke"]),
        ("a horse, no: a cow", []),
    ],
)
def test_clauses_that_exclude(english: ClauseSplitter, text: str, clauses: list[str]) -> None:
    found = english.exclusions(text)
    assert [text[clause.start : clause.end] for clause in found] == clauses


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("dogs", ["dogs"]),
        ("dogs, cats or birds", ["dogs", "cats", "birds"]),
        ("a black and white dog and sand", ["a black and white dog", "sand"]),
    ],
)
def test_things_that_are_listed(english: ClauseSplitter, text: str, items: list[str]) -> None:
    assert [text[slice(*place)] for place in english.items(text, 0, len(text))] == items


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("hello! a dog, then show me a cat", ["hello", "a dog", "show me a cat"]),
        ("that was wrong. with a ball", ["that was wrong. with a ball"]),
        ("so cute. with a ball", ["so cute", "with a ball"]),
        ("my little brother is crazy about trains", ["trains"]),
        ("goggles are ok, I changed my mind", ["goggles are ok"]),
    ],
)
def test_things_said_one_after_the_other(
    english: ClauseSplitter, text: str, pieces: list[str]
) -> None:
    assert [text[slice(*place)].rstrip("!. ") for place in english.pieces(text)] == pieces


def test_a_language_without_phrases_excludes_nothing() -> None:
    assert ClauseSplitter({}).exclusions("dogs without people") == ()


@given(st.text(alphabet="no,. withuabdrh\n", max_size=40))
def test_any_text_falls_into_clauses_in_their_order(text: str) -> None:
    splitter = ClauseSplitter({"exclusion": ["without"], "opening": ["no"], "joined": ["or"]})
    end = 0
    for clause in splitter.exclusions(text):
        assert end <= clause.start < clause.body <= clause.end <= len(text)
        end = clause.end
