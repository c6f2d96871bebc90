"""What a question about a picture wants to know, in the words of each language."""

from __future__ import annotations

import pytest

from bot.understanding.rasa_project import RasaProject
from bot.wording.questions import Question, QuestionReader


@pytest.fixture(scope="module")
def english() -> QuestionReader:
    return QuestionReader(RasaProject.load().questions)


@pytest.mark.parametrize(
    ("text", "kind", "things"),
    [
        ("how many dogs are in the second one?", "count", ("dogs",)),
        ("how many people do you see", "count", ("people",)),
        ("how many are in number 3", "count", ()),
        ("what colour is her shirt", "colour", ("shirt",)),
        ("What color is the car in the second picture?", "colour", ("car",)),
        ("which of these has a ball", "which", ("ball",)),
        ("which one shows a red car", "which", ("red", "car")),
        ("do any of these have a ball", "which", ("ball",)),
        ("which picture is it", "which", ()),
        ("is there a ball in the third one", "whether", ("ball",)),
        ("is it a cat or a dog", "whether", ("cat", "dog")),
        ("does he have a red hat", "whether", ("red", "hat")),
        ("can you see the sea in number 2", "whether", ("sea",)),
        ("what is in the second one", "else", ()),
        ("describe it", "else", ("describe",)),
        ("", "else", ()),
    ],
)
def test_what_is_asked(
    english: QuestionReader, text: str, kind: str, things: tuple[str, ...]
) -> None:
    question = english.read(text)
    assert (question.kind, question.things) == (kind, things)


def test_a_beginning_is_whole_words(english: QuestionReader) -> None:
    assert english.read("issues with the dog").kind == "else"
    assert english.read("area of grass").kind == "else"


def test_the_colour_is_no_kind_of_which(english: QuestionReader) -> None:
    assert english.read("which colour is the dress").kind == "colour"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("wie viele Hunde sind auf dem zweiten", "count"),
        ("welche Farbe hat das Auto", "colour"),
        ("auf welchem ist ein Ball", "which"),
        ("ist auf dem ersten ein Hund", "whether"),
        ("was ist auf dem ersten", "else"),
    ],
)
def test_what_is_asked_in_german(text: str, kind: str) -> None:
    german = QuestionReader(RasaProject.load(language="de").questions)
    assert german.read(text).kind == kind


def test_a_language_without_phrases_asks_nothing_in_particular() -> None:
    assert QuestionReader({}).read("how many dogs") == Question("else", ("dogs",))
