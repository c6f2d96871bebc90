"""What merely talks about models loads none: torch costs seconds and hundreds of megabytes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "transformers", "sentence_transformers", "sklearn", "scipy")
# These run a model, and are imported when their command is called.
COMMANDS = {"adapt", "demo", "evaluate", "index", "join", "train"}
LIGHT = (
    "embedding",
    "embedding.errors",
    "embedding.evaluation.recall",
    "embedding.model.encoder",
    "embedding.model.feature_cache",
    "embedding.model.files",
    "embedding.packages",
    "embedding.progress",
    "embedding.training.config",
)


def modules_of(package: str) -> list[str]:
    """Return the names of all modules in a package, the package's own first."""
    files = sorted((ROOT / package).rglob("*.py"))
    # Rasa's own process imports bot/rasa; here is no Rasa.
    files = [file for file in files if file.parent != ROOT / "bot" / "rasa" / "components"]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


def heavy_imports(modules: list[str], *, command: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """Import modules in order in a fresh process; return which of them loaded what.

    Args:
        modules: their names.
        command: arguments of `showtell`, which is then run to its end.
    """
    code = f"""
import importlib, json, sys
from contextlib import redirect_stdout

loaded, before = {{}}, set()
def note(name):
    heavy = set({HEAVY}) & sys.modules.keys()
    if heavy - before:
        loaded[name] = sorted(heavy - before)
        before.update(heavy)
for name in {modules}:
    importlib.import_module(name)
    note(name)
if {command}:
    sys.argv = ["showtell", *{command}]
    try:
        with redirect_stdout(sys.stderr):
            sys.modules["bot.commands.main"].main()
    except SystemExit as ended:
        assert not ended.code, ended.code
    note("the command")
print(json.dumps(loaded))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    loaded: dict[str, list[str]] = json.loads(done.stdout)
    return loaded


@pytest.mark.parametrize(
    "modules",
    [
        pytest.param([*LIGHT, *modules_of("embedding/data")], id="embedding"),
        pytest.param(modules_of("retrieval"), id="retrieval"),
        pytest.param(
            [
                name
                for name in modules_of("bot")
                if not name.startswith(("bot.commands.", "bot.workbench."))
                or name.rpartition(".")[2] not in COMMANDS
            ],
            id="bot",
        ),
    ],
)
def test_importing_loads_no_model_library(modules: list[str]) -> None:
    assert heavy_imports(modules) == {}


@pytest.mark.parametrize(
    "command", [("--help",), ("train", "--help"), ("search", "--help")], ids=" ".join
)
def test_help_loads_no_model_library(command: tuple[str, ...]) -> None:
    assert heavy_imports(["bot.commands.main"], command=command) == {}


def test_the_check_sees_what_a_command_would_load() -> None:
    assert heavy_imports(["bot.errors", "embedding.model.joint"]) == {
        "embedding.model.joint": sorted(HEAVY)
    }
