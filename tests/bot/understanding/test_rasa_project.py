"""The Rasa project: what is shipped, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bot.errors import ProjectError
from bot.understanding.rasa_project import PROJECT_DIR, EntitySpan, Example, RasaProject

INTENTS = {
    "search_images",
    "refine_search",
    "exclude_from_search",
    "drop_from_search",
    "more_images",
    "similar_to_image",
    "unlike_image",
    "describe_image",
    "undo_search",
    "restart_search",
    "rate_image",
    "greet",
    "goodbye",
    "thank",
    "help",
    "out_of_scope",
    "browse_gallery",
    "redo_search",
    "ask_count",
    "ask_kinds",
    "ask_rights",
    "ask_search",
    "ask_why",
    "ask_bot",
    "ask_privacy",
    "ask_languages",
    "react_good",
    "react_bad",
    "react_unsure",
    "other_language",
}
NO_EXAMPLES = {"drop_from_search", "redo_search", "react_unsure", "other_language"}
"""Only clicked, or told by cues of languages/*/clauses.yml."""


@pytest.fixture(scope="module")
def project() -> RasaProject:
    return RasaProject.load()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in ("domain.yml", "data/nlu.yml", "data/rules.yml"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(PROJECT_DIR / name, target)
    return tmp_path


def test_the_intents_are_the_contract(project: RasaProject) -> None:
    assert set(project.intents) == INTENTS
    assert {example.intent for example in project.examples} == INTENTS - NO_EXAMPLES


def test_every_intent_has_one_answer(project: RasaProject) -> None:
    for intent in INTENTS:
        (action,) = project.actions_for(intent)
        assert action in project.actions or action in project.responses


def test_no_text_is_an_example_of_two_intents(project: RasaProject) -> None:
    seen: dict[str, str] = {}
    for example in project.examples:
        text = example.text.lower().strip(" ?!.") or example.text
        assert seen.setdefault(text, example.intent) == example.intent, text


def test_every_position_and_rating_of_the_examples_has_a_value(project: RasaProject) -> None:
    for example in project.examples:
        for span in example.entities:
            said = example.text[span.start : span.end].lower()
            if span.entity == "rating" and said in project.synonyms:
                assert project.synonyms[said] in ("up", "down")


@pytest.mark.parametrize("language", ["en", "de"])
def test_synonyms_are_words_not_messages(language: str) -> None:
    """An example that is put at the end of nlu.yml would be one of the last synonym's."""
    synonyms = RasaProject.load(language=language).synonyms
    assert {phrase for phrase in synonyms if len(phrase.split()) > 3} == set()


def test_examples_are_read_in_rasas_notation() -> None:
    example = Example.parse(
        'the [2nd](position) with [dogs]{"entity": "query", "value": "dog"}!', "describe_image"
    )
    assert example.text == "the 2nd with dogs!"
    assert example.entities == (EntitySpan("position", 4, 7), EntitySpan("query", 13, 17))


def test_responses_are_filled_in(project: RasaProject) -> None:
    assert project.render("utter_found", {"query": "a dog"})["text"].count("a dog") == 1


@pytest.mark.parametrize("typed", ["{query}", "{0[x]}", "{count}", "%s", "{{}}", "\\1"])
def test_what_people_type_is_never_interpreted(project: RasaProject, typed: str) -> None:
    assert typed in project.render("utter_found", {"query": typed})["text"]


def test_variations_are_chosen_by_turn(copy: Path) -> None:
    domain = (copy / "domain.yml").read_text()
    (copy / "domain.yml").write_text(domain + "  utter_two:\n  - text: one\n  - text: two\n")
    project = RasaProject.load(copy)
    assert [project.render("utter_two", {}, turn)["text"] for turn in range(3)] == [
        "one",
        "two",
        "one",
    ]


def test_variables_are_filled_in_everywhere(copy: Path) -> None:
    domain = (copy / "domain.yml").read_text()
    response = "  utter_b:\n  - text: x\n    buttons:\n    - title: '{n}'\n      payload: /help\n"
    (copy / "domain.yml").write_text(domain + response)
    rendered = RasaProject.load(copy).render("utter_b", {"n": 5})
    assert rendered["buttons"] == [{"title": "5", "payload": "/help"}]


def test_unknown_names_and_missing_values_are_errors(project: RasaProject) -> None:
    with pytest.raises(ProjectError, match="no response 'utter_x'"):
        project.render("utter_x", {})
    with pytest.raises(ProjectError, match=r"utter_found needs a value for \{query\}"):
        project.render("utter_found", {})
    with pytest.raises(ProjectError, match="no rule"):
        project.actions_for("dance")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("data/rules.yml", "action: utter_unavailable", "action: utter_x", "action 'utter_x'"),
        ("data/rules.yml", "intent: help", "intent: halp", "intent 'halp'"),
        ("data/nlu.yml", "intent: help", "intent: halp", "intent 'halp'"),
        ("data/nlu.yml", "](query)", "](thing)", "entity 'thing'"),
        ("data/nlu.yml", "- intent: help", "- lookup: help", "neither an intent nor a synonym"),
        ("data/rules.yml", "- rule: help", "- rule: help\n  steps: [}\n- rule: x", "valid YAML"),
        ("data/rules.yml", "  - intent: help\n", "", "from one intent"),
        ("domain.yml", "- help\n", "- help\n- dance\n", "no rule in rules.yml answers dance"),
        ("domain.yml", "  utter_help:\n", "  utter_x: []\n  utter_help:\n", "utter_x is empty"),
    ],
)
def test_contradictions_are_named(copy: Path, file: str, old: str, new: str, message: str) -> None:
    path = copy / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ProjectError, match=message):
        RasaProject.load(copy)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"domain\.yml"):
        RasaProject.load(tmp_path)


@pytest.mark.parametrize(
    ("language", "text", "wish"),
    [
        ("de", "Zeig mir bitte: einen Hund", "einen Hund"),
        ("de", "Bilder von Hunden, bitte", "Hunden, bitte"),
        ("fr", "je cherche un chien", "un chien"),
        ("de", "Bilder", "Bilder"),  # nothing else is said
        ("ru", "собака", "собака"),
    ],
)
def test_words_that_ask_for_pictures_are_no_wish(language: str, text: str, wish: str) -> None:
    assert RasaProject.load().wish(language, text) == wish
