"""`showtell models` and `showtell pull`: what there is, and what is fetched."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.commands.main import app
from bot.errors import BadUse
from embedding.pretrained import catalogue
from embedding.pretrained.catalogue import Source, known_model
from tests.fixtures.hub import Hub


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_table_has_every_model_and_says_where_its_figures_are_from() -> None:
    said = run("models")
    for name in ("photos *", "photos-light", "clip ", "clip-multilingual", "siglip2", "(1)", "MIT"):
        assert name in said
    assert "Weights from the hub were never run here." in " ".join(said.split())


def test_as_json_each_model_is_pinned() -> None:
    rows = {row["name"]: row for row in json.loads(run("models", "--json"))}
    assert rows["photos"]["default"]
    assert rows["photos"]["comes_with_showtell"]
    assert [len(source["revision"]) for source in rows["clip-multilingual"]["sources"]] == [40, 40]
    assert rows["clip"]["recall_at_1"]["text_to_image"] == 59.4


def test_a_model_is_pulled_and_verified(
    hub: Hub, foreign_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = known_model("clip")
    assert clip
    source = Source("openai/tiny-clip", "c" * 40)
    hub.repositories[source.repository, source.revision] = foreign_models["clip"]
    monkeypatch.setattr(catalogue, "KNOWN", (replace(clip, source=source),))
    said = " ".join(run("pull", "clip").split())
    assert "openai/tiny-clip at cccccccccccc" in said
    assert "5 files are as the hub names them" in said
    assert "showtell index FOLDER --model clip" in said


def test_what_comes_with_showtell_is_not_fetched() -> None:
    assert "there is nothing to fetch" in run("pull", "photos")


def test_an_unknown_name_is_bad_use() -> None:
    with pytest.raises(BadUse, match=r"no model is called 'clop'.*clip, clip-large"):
        run("pull", "clop")
