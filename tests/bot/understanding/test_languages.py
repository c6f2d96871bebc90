"""German says all that English says, and is understood as far as an English encoder goes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bot.errors import MessageRefused, SessionsUnavailable
from bot.server.errors import find_answer
from bot.understanding.interpreter import Interpreter, build_interpreter
from bot.understanding.rasa_project import PROJECT_DIR, RasaProject
from embedding.model.encoder import SentenceEncoder
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
    assert same == {"utter_described_by_id", "utter_other_language"}


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


def test_german_messages_are_understood(
    german: RasaProject, sentence_encoder: SentenceEncoder, nlu_cache: Path
) -> None:
    interpreter = build_interpreter(german, sentence_encoder, nlu_cache)
    held_out: dict[str, list[str]] = yaml.safe_load(HELD_OUT.read_text(encoding="utf-8"))
    assert held_out.keys() == set(german.intents) - {"drop_from_search"}
    known = {example.text.lower().strip(" ?!.") for example in german.examples}
    wrong, total = [], 0
    for intent, texts in held_out.items():
        for text in texts:
            assert text.lower().strip(" ?!.") not in known, f"{text!r} is an example"
            total += 1
            understood = interpreter.read(text).intent
            if understood != intent:
                wrong.append(f"{text!r}: {understood}, not {intent}")
    accuracy = 1 - len(wrong) / total
    assert accuracy >= LEAST_ACCURACY, f"{accuracy:.3f}\n" + "\n".join(wrong)
    assert _spans(interpreter, "ohne Bäume bitte") == [("excluded", "Bäume")]
    wish = [("query", "Hunde"), ("excluded", "Menschen"), ("excluded", "Katzen")]
    assert _spans(interpreter, "Hunde, aber keine Menschen oder Katzen") == wish
    positions = [("position", 2), ("position", 3)]
    assert _spans(interpreter, "mehr wie das zweite und das dritte") == positions


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
