"""What is wished for in another language is searched for in it, where there is an encoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.server.embedded_redis import EmbeddedRedis
from tests.bot.talk import Stage, captions_of, open_stage, said, text_of


@pytest.fixture(scope="module")
def reading_all(
    multilingual_bundles: Path, embedded_redis: EmbeddedRedis, nlu_cache: Path, models_dir: Path
) -> Iterator[Stage]:
    """A conversation in English over a bundle that other languages can be searched in."""
    with open_stage(
        multilingual_bundles, embedded_redis.url, nlu_cache, models=models_dir
    ) as stage:
        yield stage


@pytest.fixture(scope="module")
def speaking_german(
    multilingual_bundles: Path, embedded_redis: EmbeddedRedis, nlu_cache: Path, models_dir: Path
) -> Iterator[Stage]:
    """The same in German."""
    with open_stage(
        multilingual_bundles, embedded_redis.url, nlu_cache, models=models_dir, language="de"
    ) as stage:
        yield stage


def test_a_german_wish_is_searched_for_and_the_spoken_language_named(reading_all: Stage) -> None:
    turn = reading_all.say("anna", "Zeig mir bitte einen grünen Stern")
    assert turn.meaning.language == "de"
    assert (turn.query.texts, turn.query.language) == (("einen grünen Stern",), "de")
    assert "green star" in captions_of(turn)[0]
    assert turn.said[-1].filled["text"] == said(reading_all, "utter_found_in_other_language")


def test_an_english_refinement_of_a_german_wish_is_read_with_it(reading_all: Stage) -> None:
    reading_all.say("ben", "Zeig mir bitte ein Dreieck in Blau")
    turn = reading_all.say("ben", "no circles")
    assert turn.query.language == "de"
    assert turn.query.excluded == ("circles",)
    assert "blue triangle" in captions_of(turn)[0]


def test_an_english_wish_begins_an_english_search(reading_all: Stage) -> None:
    reading_all.say("cleo", "Zeig mir bitte einen grünen Stern")
    turn = reading_all.say("cleo", "show me a red ring")
    assert turn.query.language is None
    assert "red ring" in captions_of(turn)[0]


def test_without_an_encoder_the_sentence_is_said_and_nothing_searched(stage: Stage) -> None:
    turn = stage.say("dora", "Zeig mir bitte einen grünen Stern")
    assert captions_of(turn) == []
    assert text_of(turn) == stage.conversation.project.turn_away("de")


def test_a_german_server_searches_in_german(speaking_german: Stage) -> None:
    turn = speaking_german.say("emil", "ein grüner Stern")
    assert "green star" in captions_of(turn)[0]
    assert turn.query.language is None  # it is the one that is spoken
    assert "utter_found_in_other_language" not in [said.response for said in turn.said]


def test_a_german_server_leaves_out_what_is_said_in_german(speaking_german: Stage) -> None:
    turn = speaking_german.say("fritz", "ein grüner Stern, aber keine Kreise")
    assert turn.query.excluded == ("Kreise",)
    assert "green star" in captions_of(turn)[0]
