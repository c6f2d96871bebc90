"""The house: arrows lead downwards, nothing goes in circles, every room is of a size to know."""

import ast
from graphlib import CycleError, TopologicalSorter

import pytest

from scripts.draw_rooms import PAGE, ROOMS, ROOT, imports, modules, page, reduced, room_of

PACKAGES = tuple(ROOMS)
ROOT_FILES = {
    "bot": {"__main__", "errors", "settings", "stages"},
    "retrieval": {"errors"},
    "embedding": {"errors", "packages", "progress"},
}
FEWEST, MOST = 4, 14
ODD_SIZES = {
    "bot/widget": "it is JavaScript",
    "bot/rasa": "it is YAML, with one component that Rasa loads",
    "retrieval/search": "each way of scoring has a file of its own",
}
"""Rooms with fewer or more files, and why."""


def height(module: str) -> tuple[int, int]:
    """Return how high a module lies: its package, then its room; a root's files lie lowest."""
    package, _, room = room_of(module).partition(".")
    rooms = ROOMS[package]
    in_package = len(rooms) - rooms.index(room) if room else 0
    return -PACKAGES.index(package), in_package


def test_every_import_of_ours_is_a_module_of_ours() -> None:
    missing = {target for targets in imports().values() for target in targets} - modules().keys()
    assert not missing


def test_no_import_leads_upwards() -> None:
    upwards = [
        f"{module} -> {target}"
        for module, targets in imports().items()
        for target in targets
        if not module.endswith("__main__") and height(target) > height(module)
    ]
    assert not upwards


def test_no_modules_import_each_other_in_a_circle() -> None:
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_a_package_has_the_rooms_of_the_design_and_no_other() -> None:
    for package, rooms in ROOMS.items():
        folder = ROOT / package
        inside = {path.name for path in folder.iterdir() if path.is_dir()} - {"__pycache__"}
        # Settings that come with the package; no code.
        assert inside - {"recipes"} == set(rooms), package
        files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        assert files == ROOT_FILES[package], package


@pytest.mark.parametrize(
    "room", [f"{package}/{room}" for package in ROOMS for room in ROOMS[package]]
)
def test_a_room_is_of_a_size_to_know(room: str) -> None:
    files = [path for path in (ROOT / room).rglob("*.py") if path.name != "__init__.py"]
    assert (FEWEST <= len(files) <= MOST) != (room in ODD_SIZES), f"{room}: {len(files)} files"


def test_no_code_lies_in_an_init_file() -> None:
    for name, file in modules().items():
        if file.name != "__init__.py":
            continue
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            names = node.targets if isinstance(node, ast.Assign) else []
            is_all = [ast.unparse(target) for target in names] == ["__all__"]
            handed_on = isinstance(node, ast.ImportFrom)
            assert is_docstring or is_all or handed_on, f"{name}: {ast.unparse(node)}"


def test_the_picture_is_what_the_code_does() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "docs/architecture.md is not of this code; run: make architecture"


def test_the_picture_leaves_out_only_what_a_longer_way_says() -> None:
    arrows = {"a": {"b", "c", "d"}, "b": {"c"}, "c": set[str](), "d": set[str]()}
    assert sorted(reduced(arrows)) == [("a", "b"), ("a", "d"), ("b", "c")]
