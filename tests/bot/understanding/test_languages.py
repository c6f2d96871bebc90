"""German says all that English says, and is understood as far as an English encoder goes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bot.errors import MessageRefused, SessionsUnavailable
from bot.server.errors import find_answer
from bot.sessions.record import SessionRecord
from bot.understanding import operations as op
from bot.understanding.interpreter import Interpreter
from bot.understanding.learned import build_interpreter
from bot.understanding.meaning import decide
from bot.understanding.rasa_project import PROJECT_DIR, RasaProject
from embedding.model.encoder import SentenceEncoder
from retrieval.search.query import Query
from retrieval.search.scenes import SCENES

HELD_OUT = Path(__file__).parent / "held_out_de.yml"
LEAST_ACCURACY = 0.9


@pytest.fixture(scope="module")
def german() -> RasaProject:
    return RasaProject.load(language="de")


def _own(language: str) -> dict[str, str]:
    """Return the responses that the language's own file has."""
    files = {"en": "domain.yml", "de": "languages/de/responses.yml"}
    content = yaml.safe_load((PROJECT_DIR / files[language]).read_text(encoding="utf-8"))
    return {name: variations[0]["text"] for name, variations in content["responses"].items()}


def test_german_has_every_response_with_the_same_variables() -> None:
    english, german = _own("en"), _own("de")
    assert german.keys() == english.keys()
    for name, text in english.items():
        assert sorted(re.findall(r"{\w+}", german[name])) == sorted(re.findall(r"{\w+}", text)), (
            name
        )


def test_nothing_was_left_in_english() -> None:
    english, german = _own("en"), _own("de")
    same = {name for name, text in german.items() if english[name] == text}
    assert same == {
        "utter_described_by_id",
        "utter_other_language",
        "utter_widget_direction",
        "utter_widget_numbered",
    }


def test_every_scene_has_a_name() -> None:
    assert {f"utter_scene_{label.replace(' ', '_')}" for label in SCENES} <= _own("en").keys()


def test_what_german_lacks_stays_english(tmp_path: Path) -> None:
    for name in ("domain.yml", "data/rules.yml", "languages/de/nlu.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((PROJECT_DIR / name).read_bytes())
    part = tmp_path / "languages" / "de" / "responses.yml"
    part.write_text("responses:\n  utter_thank:\n  - text: Gern.\n", encoding="utf-8")
    project = RasaProject.load(tmp_path, "de")
    assert project.render("utter_thank", {})["text"] == "Gern."
    assert project.render("utter_greet", {})["text"] == _own("en")["utter_greet"]


def test_german_messages_are_understood(german: RasaProject, speaking_german: Interpreter) -> None:
    held_out: dict[str, list[str]] = yaml.safe_load(HELD_OUT.read_text(encoding="utf-8"))
    assert held_out.keys() == set(german.intents) - {"drop_from_search"}
    known = {example.text.lower().strip(" ?!.") for example in german.examples}
    wrong, total = [], 0
    for intent, texts in held_out.items():
        for text in texts:
            assert text.lower().strip(" ?!.") not in known, f"{text!r} is an example"
            total += 1
            understood = speaking_german.read(text).intent
            if understood != intent:
                wrong.append(f"{text!r}: {understood}, not {intent}")
    accuracy = 1 - len(wrong) / total
    assert accuracy >= LEAST_ACCURACY, f"{accuracy:.3f}\n" + "\n".join(wrong)


@pytest.fixture(scope="module")
def speaking_german(
    german: RasaProject, sentence_encoder: SentenceEncoder, nlu_cache: Path
) -> Interpreter:
    return build_interpreter(german, sentence_encoder, nlu_cache)


@pytest.mark.parametrize(
    ("text", "intent", "spans"),
    [
        ("ohne Bäume bitte", "exclude_from_search", [("excluded", "Bäume")]),
        (
            "Hunde, aber keine Menschen oder Katzen",
            "search_images",
            [("query", "Hunde"), ("excluded", "Menschen"), ("excluded", "Katzen")],
        ),
        (
            "eine Frau am Strand ohne Hut",
            "search_images",
            [("query", "eine Frau am Strand"), ("excluded", "Hut")],
        ),
        (
            "keine Hunde oder Katzen",
            "exclude_from_search",
            [("excluded", "Hunde"), ("excluded", "Katzen")],
        ),
        ("Zeig mir Züge", "search_images", [("query", "Züge")]),
        ("zeig mir mal Katzen", "search_images", [("query", "Katzen")]),
        ("eine Möwe am Meer", "search_images", [("query", "eine Möwe am Meer")]),
        ("ich brauche eine Kuh", "search_images", [("query", "eine Kuh")]),
        ("ein See für unsere Broschüre", "search_images", [("query", "ein See")]),
        (
            "Meine Enkelin wird morgen sechs Jahre alt. Zeig mir Pferde",
            "search_images",
            [("query", "Pferde")],
        ),
        (
            "Ausschließen: Flaggen, Rauch",
            "exclude_from_search",
            [("excluded", "Flaggen"), ("excluded", "Rauch")],
        ),
        (
            "mehr wie das zweite und das dritte",
            "similar_to_image",
            [("position", 2), ("position", 3)],
        ),
        ("nein, ich meinte eine Frau", "search_images", [("query", "eine Frau")]),
        ("nein, blau", "refine_search", [("query", "blau")]),
        ("mach es blau", "refine_search", [("query", "blau")]),
        (
            "ein Hund statt einer Katze",
            "search_images",
            [("query", "ein Hund"), ("excluded", "einer Katze")],
        ),
        ("überrasche mich bitte", "browse_gallery", []),
        ("unter welcher Lizenz sind die Fotos", "ask_rights", []),
        ("warum zeigst du das dritte", "ask_why", [("position", 3)]),
        ("keins davon gefällt mir", "react_bad", []),
    ],
)  # fmt: skip
def test_what_a_german_message_says(
    speaking_german: Interpreter, text: str, intent: str, spans: list[tuple[str, str | int]]
) -> None:
    assert speaking_german.read(text).intent == intent
    assert _spans(speaking_german, text) == spans


@pytest.mark.parametrize(
    ("running", "text", "operations"),
    [
        ("ein Mann auf einem Fahrrad", "nein, ich meinte eine Frau",
         [op.Replace("ein Mann auf einem Fahrrad", "eine Frau auf einem Fahrrad")]),
        ("ein Hund auf Gras", "vergiss das Gras", [op.Replace("ein Hund auf Gras", "ein Hund")]),
        ("ein Hund", "keine Menschen", [op.Exclude("Menschen")]),
        ("ein Hund", "Menschen", [op.Search("Menschen")]),
        ("ein Hund", "das ist kein Hund", [op.More(instead=True)]),
        ("ein Hund", "ich sehe keine Katze", [op.Refine("Katze")]),
        ("ein Markt", "die Leute müssen weg", [op.Exclude("die Leute")]),
        ("ein Markt", "ich hasse Clowns", [op.Exclude("Clowns")]),
    ],
)  # fmt: skip
def test_what_a_german_message_does(
    speaking_german: Interpreter, running: str, text: str, operations: list[op.Operation]
) -> None:
    record = SessionRecord(sender_id="anna", query=Query((running,)))
    meaning = decide(
        speaking_german.read(text), record, speaking_german.closeness, None, speaking_german.editor
    )
    assert meaning.operations == tuple(operations)


def _spans(interpreter: Interpreter, text: str) -> list[tuple[str, str | int]]:
    return [(span.name, span.value) for span in interpreter.read(text).spans]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MessageRefused("Too long.", "utter_error_too_long", length=9, most=5), "hat 9 Zeichen"),
        (MessageRefused("Something else."), "Something else."),
        (SessionsUnavailable("redis is away"), "nicht gespeichert"),
    ],
)
def test_errors_are_told_in_german(german: RasaProject, error: Exception, sentence: str) -> None:
    answer = find_answer(error, german)
    assert answer is not None
    assert sentence in answer.sentence
    english = find_answer(error)
    assert english is not None
    assert english.sentence.startswith(str(error)[:1].upper())
