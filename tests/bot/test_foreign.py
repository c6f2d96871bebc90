"""Models of other makers through the commands: evaluated, indexed, searched."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.commands.main import app
from tests.fixtures.foreign import FOREIGN


@pytest.mark.parametrize("kind", FOREIGN)
def test_evaluate_index_and_search(
    kind: str,
    foreign_models: dict[str, Path],
    shapes_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOWTELL_DATA_DIR", str(tmp_path / "data"))
    model, bundles, figures = foreign_models[kind], tmp_path / "bundles", tmp_path / "figures.json"

    def run(*arguments: str | Path) -> str:
        done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    data = f"csv:{shapes_dir}"
    run("evaluate", model, "--data", data, "--split", "all", "--json", figures)
    found = json.loads(figures.read_text())
    assert (found["images"], found["captions"]) == (90, 180)
    run("index", shapes_dir, "--model", model, "--bundles", bundles)
    # What looks like a path to one of the pictures is a text like any other.
    path = shapes_dir / "red-star-0.png"
    answer = json.loads(run("search", str(path), "--bundles", bundles, "-k", "3", "--json"))
    assert answer["hits"]
    assert max(hit["score"] for hit in answer["hits"]) < 0.99  # its own vector would give 1
    named = json.loads(run("search", "a red star", "--bundles", bundles, "-k", "3", "--json"))
    assert Path(named["hits"][0]["file"]).name.startswith("red-star")  # by its caption
