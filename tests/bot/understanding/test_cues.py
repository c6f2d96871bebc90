"""Words that say what a message is for: corrections, swaps, steps, answers, small talk."""

from __future__ import annotations

import pytest

from bot.understanding.cues import Correction, Cues
from bot.understanding.rasa_project import RasaProject
from bot.wording.phrases import only
from bot.wording.text import Normalizer


@pytest.fixture(scope="module")
def english() -> Cues:
    return _cues("en")


@pytest.fixture(scope="module")
def german() -> Cues:
    return _cues("de")


def _cues(language: str) -> Cues:
    project = RasaProject.load(language=language)
    normalizer = Normalizer(project.synonyms, ())
    return Cues(project.clauses, project.needs, project.subjects, normalizer)


def _said(text: str, correction: Correction | None) -> tuple[str, bool] | None:
    """Return what is left beside the cues, and whether it replaces something in any case."""
    if correction is None:
        return None
    left = only(text, correction.places, inside=False)
    return " ".join(left.split()), correction.strong


@pytest.mark.parametrize(
    ("text", "correction"),
    [
        ("no, I meant a woman", ("a woman", True)),
        ("no, blue", ("blue", True)),
        ("sorry, I meant two dogs", ("two dogs", True)),
        ("actually a cat", ("a cat", True)),
        ("a cat instead", ("a cat", True)),
        ("blue, I mean", ("blue", True)),
        ("oh no, wait, a boat", ("a boat", True)),
        ("make it blue", ("blue", False)),
        ("how about a horse", ("a horse", False)),
        ("no, make it blue", ("blue", True)),
        ("the same with a woman", ("a woman", False)),
        ("wrong. a cat", ("a cat", True)),
        ("a dog", None),
        ("no dogs", None),
        ("no", None),
        ("nobody", None),
        ("a notebook, open", None),
    ],
)
def test_what_a_message_corrects(
    english: Cues, text: str, correction: tuple[str, bool] | None
) -> None:
    assert _said(text, english.correction(text)) == correction


@pytest.mark.parametrize(
    ("text", "is_remark"),
    [
        ("my late aunt would have loved this", True),
        ("I'm so hungry today", True),
        ("it has been raining here all week", True),
        ("we grew up there", True),
        ("that reminds me of school", True),
        ("I'm really looking for a dog", False),
        ("my favourite animal", False),
        ("I had the second one in mind", False),
        ("a man is running here", False),
    ],
)
def test_what_asks_for_nothing(english: Cues, text: str, is_remark: bool) -> None:
    assert english.is_remark(text) is is_remark


def test_what_keeps_the_rest_of_the_search(english: Cues) -> None:
    same, other = english.correction("same but in blue"), english.correction("how about blue")
    assert same is not None
    assert same.keeps
    assert other is not None
    assert not other.keeps


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("a cat instead of a dog", "a dog", "a cat"),
        ("a cat rather than a dog", "a dog", "a cat"),
        ("replace the dog with a cat", "the dog", "a cat"),
        ("change the red car to a blue one", "the red car", "a blue one"),
    ],
)
def test_the_old_goes_and_the_new_comes(english: Cues, text: str, old: str, new: str) -> None:
    swap = english.swap(text)
    assert swap is not None
    assert [text[slice(*place)] for place in swap] == [old, new]


@pytest.mark.parametrize("text", ["a cat and a dog", "change it to blue", "a dog instead"])
def test_without_two_things_nothing_is_swapped(english: Cues, text: str) -> None:
    assert english.swap(text) is None


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("forget the grass", "dropped", "the grass"),
        ("ok, forget the grass", "dropped", "the grass"),
        ("the grass doesn't matter", "dropped", "the grass"),
        ("it doesn't need a ball", "dropped", "a ball"),
        ("the surfing ones again", "recalled", "the surfing ones"),
        ("back to the horses", "recalled", "the horses"),
        ("go back two steps", "steps", 2),
        ("undo the last three changes", "steps", 3),
        ("undo twice", "steps", 2),
        ("back to the very first ones", "steps", 20),
        ("go back 99 steps", "steps", 20),
        ("I don't insist on the grass", "dropped", "the grass"),
        ("you can ignore the grass", "dropped", "the grass"),
        ("the ball was a silly idea, remove it", "dropped", "the ball"),
        ("both", "answer", "all"),
        ("whichever, I'm easy", "answer", "all"),
        ("none of the two", "answer", "none"),
        ("both, please", "answer", "all"),
        ("doesn't matter", "answer", "all"),
        ("neither", "answer", "none"),
        ("neither of them", "answer", "none"),
        ("the second one", "answer", 2),
        ("option 1", "answer", 1),
        ("the last one, please", "answer", -1),
    ],
)
def test_what_is_said_beside_the_intent(
    english: Cues, text: str, name: str, value: str | int
) -> None:
    assert (name, value) in [(span.name, span.value) for span in english.beside(text)]


@pytest.mark.parametrize(
    "text", ["a dog", "three dogs", "both dogs in the snow", "a man in a forest", "show me a boat"]
)
def test_plain_wishes_have_no_cues(english: Cues, text: str) -> None:
    assert english.beside(text) == []


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("redo", "redo_search"),
        ("go forward again", "redo_search"),
        ("Hmm...", "react_unsure"),
        ("not sure", "react_unsure"),
        ("redo the kitchen", None),
        ("ok, a dog", None),
        ("", None),
    ],
)
def test_some_intents_are_a_phrase_and_nothing_else(
    english: Cues, text: str, intent: str | None
) -> None:
    assert english.alone(text) == intent


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("tell me a joke", "joke"),
        ("what's the weather like", "weather"),
        ("book me a table in a restaurant", "food"),
        ("let me talk to a human", "human"),
        ("you are stupid", "rude"),
        ("xyzzy", None),
    ],
)
def test_what_is_talked_about_beside_pictures(
    english: Cues, text: str, subject: str | None
) -> None:
    assert next((span.value for span in english.subject(text)), None) == subject


@pytest.mark.parametrize(
    ("intent", "called_for", "not_called_for"),
    [
        ("exclude_from_search", "I don't want dogs", "more dogs"),
        ("unlike_image", "not that one", "that one"),
        ("restart_search", "start over", "what topics are there"),
        ("goodbye", "goodbye", "good dogs"),
    ],
)
def test_nothing_is_taken_away_without_a_word_that_calls_for_it(
    english: Cues, intent: str, called_for: str, not_called_for: str
) -> None:
    assert english.is_called_for(intent, called_for)
    assert not english.is_called_for(intent, not_called_for)


def test_what_takes_nothing_away_needs_no_word(english: Cues) -> None:
    assert english.is_called_for("search_images", "a dog")


@pytest.mark.parametrize(
    ("text", "is_position"),
    [("the first one", True), ("like number 2", True), ("the first snow", False), ("dogs", False)],
)
def test_pictures_are_told_from_things(english: Cues, text: str, is_position: bool) -> None:
    assert english.is_position(text) == is_position


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("beach pics", "beach"),
        ("dogs photos pictures", "dogs"),
        ("pictures", "pictures"),
        ("a picture on a wall", "a picture on a wall"),
        ("", ""),
    ],
)
def test_the_word_for_pictures_at_the_end_is_no_content(
    english: Cues, text: str, rest: str
) -> None:
    assert english.without_media(text) == rest


@pytest.mark.parametrize(
    ("text", "correction"),
    [
        ("nein, ich meinte eine Frau", ("eine Frau", True)),
        ("nein, blau", ("blau", True)),
        ("lieber eine Katze", ("eine Katze", True)),
        ("mach es blau", ("blau", False)),
        ("keine Hunde", None),
        ("ein Hund", None),
    ],
)
def test_what_a_german_message_corrects(
    german: Cues, text: str, correction: tuple[str, bool] | None
) -> None:
    assert _said(text, german.correction(text)) == correction


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("vergiss das Gras", "dropped", "das Gras"),
        ("das Gras ist egal", "dropped", "das Gras"),
        ("zurück zu den Pferden", "recalled", "Pferden"),
        ("zwei Schritte zurück", "steps", 2),
        ("beide bitte", "answer", "all"),
        ("keins von beiden", "answer", "none"),
        ("das zweite", "answer", 2),
    ],
)
def test_what_is_said_beside_a_german_intent(
    german: Cues, text: str, name: str, value: str | int
) -> None:
    assert (name, value) in [(span.name, span.value) for span in german.beside(text)]
