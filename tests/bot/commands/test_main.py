"""The showtell command, run as people run it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.commands.main import main
from tests.e2e.conftest import environment, run_showtell, showtell


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, bot.commands.main; "
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'fastapi', 'faiss', 'numpy'}; "
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "demo",
        "train",
        "evaluate",
        "index",
        "search",
        "serve",
        "mcp",
        "actions",
        "chat",
        "reload",
    ],
)
def test_every_command_explains_itself(command: str, tmp_path: Path) -> None:
    assert "Usage" in run_showtell(command, "--help", data_dir=tmp_path).stdout


@pytest.mark.parametrize(("told", "policy"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_that_wait_leave_a_busy_core_to_others(
    told: str | None, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", told or "")
    if told is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setattr(sys, "argv", ["showtell", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert os.environ["OMP_WAIT_POLICY"] == policy


@pytest.mark.parametrize(
    ("arguments", "exit_code", "named"),
    [
        (["search", "a dog", "--bundles", "nowhere"], 1, "nowhere"),
        (["index", "nowhere", "--model", "m", "--bundles", "b"], 2, "nowhere"),
        (["train", "--data", "shoebox:photos", "--out", "run"], 1, "shoebox"),
        (["model-path", "gpt"], 1, "gpt"),
        (["reload"], 1, "SHOWTELL_ADMIN_TOKEN"),
        (["serve", "--bundles", "nowhere"], 1, "nowhere"),
        (["mcp", "--bundles", "nowhere"], 1, "nowhere"),
        (["chat", "--url", "http://127.0.0.1:9"], 1, "127.0.0.1:9"),
        (["train", "--out", "run"], 2, "--data"),
    ],
)
def test_a_failure_is_one_line_that_names_it(
    arguments: list[str], exit_code: int, named: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        showtell(*arguments),
        env=environment(tmp_path),
        cwd=tmp_path,
        input="a dog\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode == exit_code, done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    if arguments != ["train", "--out", "run"]:  # Typer draws a box around wrong usage
        assert len(done.stderr.strip().splitlines()[-1:]) == 1
        assert done.stderr.strip().splitlines()[-1].startswith("showtell: ")


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = run_showtell(
        "--debug", "search", "a dog", "--bundles", "nowhere", data_dir=tmp_path, expect=1
    )
    assert "Traceback" in done.stderr


def test_wrong_setting_names_key_and_value(tmp_path: Path) -> None:
    done = subprocess.run(
        showtell("serve", "--bundles", tmp_path),
        env={**environment(tmp_path), "SHOWTELL_RESULTS": "many"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "SHOWTELL_RESULTS" in done.stderr
    assert "many" in done.stderr


def test_index_twice_then_search(shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    arguments = ("index", shapes_dir, "--model", shapes_model_dir, "--bundles", bundles)
    first = run_showtell(*arguments, data_dir=tmp_path)
    assert "90 pictures, 0 of them already encoded" in first.stderr
    again = run_showtell(*arguments, data_dir=tmp_path)
    assert "90 pictures, 90 of them already encoded" in again.stderr
    assert (bundles / "CURRENT").read_text().startswith("0002-")

    found = run_showtell(
        "search", "a red star", "--bundles", bundles, "-k", "2", "--json", data_dir=tmp_path
    )
    answer = json.loads(found.stdout)
    assert answer["confident"] is True
    assert len(answer["hits"]) == 2
    assert Path(answer["hits"][0]["file"]).name.startswith("red-star")


def test_unreadable_pictures_are_named_and_do_not_stop_the_rest(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "good.png").write_bytes((shapes_dir / "red-star-0.png").read_bytes())
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff not a picture")
    arguments = ("index", photos, "--model", shapes_model_dir, "--bundles", tmp_path / "bundles")
    done = run_showtell(*arguments, data_dir=tmp_path)
    assert "skipped broken.jpg" in done.stderr
    assert "1 pictures" in done.stderr

    (photos / "good.png").unlink()
    failed = run_showtell(*arguments, data_dir=tmp_path, expect=1)
    assert "broken.jpg" in failed.stderr
