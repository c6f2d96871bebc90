"""Quick replies and labels."""

from __future__ import annotations

import pytest

from bot.dialogue.message import HELP, MORE, RESTART, UNDO, Button, clean_label
from bot.understanding.rasa_project import RasaProject


@pytest.mark.parametrize("button", [MORE, UNDO, RESTART, HELP])
def test_quick_replies_have_a_title_and_a_known_intent(button: Button) -> None:
    project = RasaProject.load()
    assert project.render(f"utter_button_{button.title}", {})["text"]
    assert button.payload == f"/{button.intent}"
    assert button.intent in project.intents


def test_a_payload_carries_entities_in_rasas_form() -> None:
    button = Button("more", "similar_to_image", {"image": "ab", "position": 2})
    assert button.payload == '/similar_to_image{"image": "ab", "position": 2}'


@pytest.mark.parametrize(
    ("text", "label"),
    [("a dog", "a dog"), ("10[x]", "10 [x]"), ("x" * 300, "x" * 199 + "…")],
)
def test_a_label_is_one_bounded_line_that_rasa_leaves_alone(text: str, label: str) -> None:
    assert clean_label(text) == label
