"""Draw the rooms of the code and what they import of each other, into docs/architecture.md.

    python scripts/draw_rooms.py

The picture is read from the syntax trees, so it is what the code does; tests/test_rooms.py refuses
a page that no longer agrees. An arrow is left out where a longer way leads to the same room.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
ROOMS = {
    "bot": (
        "commands",
        "workbench",
        "server",
        "desk",
        "files",
        "channels",
        "widget",
        "dialogue",
        "rewriting",
        "understanding",
        "wording",
        "rasa",
        "live",
        "sessions",
    ),
    "retrieval": ("postgres", "bundle", "search", "store"),
    "embedding": (
        "adaptation",
        "training",
        "evaluation",
        "languages",
        "pretrained",
        "onnx",
        "model",
        "data",
    ),
}
"""The rooms of each package, from the upper to the lower; an upper one may import a lower one."""
Arrows = dict[str, set[str]]


def modules() -> dict[str, Path]:
    """Return the file of each module by its dotted name."""
    found = {}
    for package in ROOMS:
        for file in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = file
    return found


@cache
def imports() -> Arrows:
    """Return for each module those of ours that it imports, anywhere in its code."""
    files = modules()
    arrows: Arrows = {}
    for name, file in files.items():
        targets: set[str] = set()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                targets |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inside = {f"{node.module}.{alias.name}" for alias in node.names}
                targets |= (inside & files.keys()) or {node.module}
        arrows[name] = {target for target in targets if target.split(".")[0] in ROOMS}
    return arrows


def room_of(module: str) -> str:
    """Return a module's room, such as ``bot.live``; its package for a file at the root."""
    package, *rest = module.split(".")
    return f"{package}.{rest[0]}" if rest and rest[0] in ROOMS[package] else package


def arrows_of_rooms() -> Arrows:
    """Return for each room those that it imports; what lies at a package's root is no room."""
    rooms: Arrows = {f"{package}.{room}": set() for package in ROOMS for room in ROOMS[package]}
    for module, targets in imports().items():
        own = room_of(module)
        if own in rooms:
            rooms[own] |= {room_of(target) for target in targets} & rooms.keys() - {own}
    return rooms


def reduced(arrows: Mapping[str, set[str]]) -> Iterator[tuple[str, str]]:
    """Yield the arrows between rooms that no longer way makes needless."""

    def reached(start: str) -> set[str]:
        return arrows[start].union(*(reached(target) for target in arrows[start]))

    for room, targets in arrows.items():
        indirect = set[str]().union(*(reached(target) for target in targets))
        yield from ((room, target) for target in sorted(targets - indirect))


def draw() -> str:
    """Return the picture and the table of rooms, in Markdown."""
    lines = ["```mermaid", "flowchart TD"]
    for package, rooms in ROOMS.items():
        lines.append(f"  subgraph {package}")
        lines += [f'    {package}.{room}["{room}"]' for room in rooms]
        lines.append("  end")
    lines += [f"  {room} --> {target}" for room, target in reduced(arrows_of_rooms())]
    lines += ["```", "", "| room | files | what it holds |", "|---|---|---|"]
    for package, rooms in ROOMS.items():
        for room in rooms:
            folder = ROOT / package / room
            files = [file for file in folder.rglob("*.py") if file.name != "__init__.py"]
            names = ", ".join(sorted(f"`{file.stem}`" for file in files)) or "-"
            lines.append(f"| `{package}/{room}` | {names} | {_about(folder)} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """Return the page with the picture of today."""
    return re.sub(
        r"(?<=<!-- rooms -->\n).*?(?=<!-- end of rooms -->)", lambda _: draw(), text, flags=re.S
    )


def _about(folder: Path) -> str:
    """Return what a room's own docstring says; a room without Python says it in a README."""
    file = folder / "__init__.py"
    if file.is_file():
        return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n")[0]
    return {
        "widget": "The web component, its page and its styles (JavaScript).",
        "rasa": "The Rasa project: the YAML that both managers read.",
    }[folder.name]


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
