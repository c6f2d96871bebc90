"""What is imported is declared: a plain install, and each extra, brings what its code needs."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from bot.commands import demo
from bot.commands.demo import DemoIncomplete, demo_recipe
from embedding.data.pairs import load_pairs
from embedding.errors import DataError

ROOT = Path(__file__).parents[1]
OWN = {"bot", "embedding", "retrieval"}
# Where the packages of an extra are imported; nothing else may do it.
EXTRAS = {
    "bot/channels/mcp.py": "mcp",
    "embedding/data/openmoji.py": "demo",
    "embedding/training/event_log.py": "tensorboard",
    "retrieval/postgres/database.py": "postgres",
}
# Runs in Rasa's own environment.
FOREIGN = "bot/rasa/components"


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", name)[0]).lower()  # type: ignore[index]


def declared() -> dict[str, set[str]]:
    """The distributions that pyproject.toml names: by extra, "" for those of a plain install."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: {normalized(need) for need in needs} for extra, needs in groups.items()}


def imported(file: Path) -> set[str]:
    """The packages that a file imports, on top or in a function."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names} - OWN - set(sys.stdlib_module_names)


@pytest.mark.parametrize("room", sorted(OWN))
def test_every_import_is_declared(room):
    groups, distributions = declared(), packages_distributions()
    for file in sorted((ROOT / room).rglob("*.py")):
        place = str(file.relative_to(ROOT))
        if place.startswith(FOREIGN):
            continue
        allowed = groups[""] | groups.get(EXTRAS.get(place, ""), set())
        for package in imported(file):
            homes = {normalized(name) for name in distributions.get(package, [package])}
            assert homes & allowed, f"{place} imports {package}, which pyproject.toml does not name"


def test_the_lock_pins_all_that_a_plain_install_the_demo_and_the_embedded_redis_need():
    lock = (ROOT / "requirements.lock").read_text()
    pins = {normalized(line) for line in lock.splitlines() if "==" in line}
    needs = declared()
    assert needs[""] | needs["demo"] | needs["redis"] <= pins


def test_without_the_extra_the_demo_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    monkeypatch.delitem(sys.modules, "embedding.data.openmoji", raising=False)
    monkeypatch.delattr("embedding.data.openmoji", raising=False)
    with pytest.raises(DataError, match=r"resvg_py: pip install 'showtell\[demo\]'"):
        load_pairs(f"openmoji:{tmp_path}")
    monkeypatch.setattr(demo, "RECIPE_PACKAGES", ("showtell", "no-such-package"))
    with pytest.raises(DemoIncomplete, match=r"no-such-package: pip install"):
        demo_recipe()
