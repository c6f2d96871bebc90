"""Check that README, docs/reference.md, CHANGELOG and pyproject.toml say what the program does.

Each check yields sentences about what is wrong; none means the words are true.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(ROOT := Path(__file__).resolve().parent.parent))

PARTS_OF_THE_PAGE = {
    *("/page.css", "/page.js", "/icon.svg", "/manifest.webmanifest"),
    *("/examples.css", "/examples.js"),
}
REFERENCE = (ROOT / "docs/reference.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """Return the text of a section of the reference, up to the next heading of its level."""
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", REFERENCE, re.M | re.S)
    return match.group(1) if match else ""


def check_version() -> Iterator[str]:
    """The changelog opens with the version of the package, below what is not released yet."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    top = re.search(r"^## (?!Unreleased$)(\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)
    if top is None or top.group(1) != version:
        yield f"CHANGELOG.md opens with {top and top.group(1)}, pyproject.toml has {version}."


def check_settings() -> Iterator[str]:
    """The settings table has every setting, and no other."""
    from bot.settings import PREFIX, Settings

    real = {PREFIX + name.upper() for name in Settings.model_fields}
    told = set(re.findall(rf"^\| `({PREFIX}\w+)`", section("Settings"), re.M))
    yield from (f"The settings table lacks {name}." for name in sorted(real - told))
    yield from (f"The settings table has {name}, which is not there." for name in told - real)


def real_routes() -> set[tuple[str, str]]:
    """Return (method, path) of every route that people may use."""
    from bot.files.page import PAGE_FILES
    from bot.server.app import create_api
    from bot.settings import load_settings

    settings = load_settings(bundles=ROOT, redis_url="redis://localhost", admin_token="told")
    schema = create_api(settings).openapi()["paths"]
    pages = {"/docs", "/admin", *PAGE_FILES} - PARTS_OF_THE_PAGE
    return {(method.upper(), path) for path, methods in schema.items() for method in methods} | {
        ("GET", page) for page in pages
    }


def check_routes() -> Iterator[str]:
    """The route table has every route, and no other."""
    real = real_routes()
    told: set[tuple[str, str]] = set()
    row = r"^\| ([A-Z, ]+) \| `([^`?]+)(?:\?[^`]*)?`"
    for methods, path in re.findall(row, section("Routes"), re.M):
        told |= {(method.strip(), path) for method in methods.split(",")}
    yield from (f"The route table lacks {m} {p}." for m, p in sorted(real - told))
    yield from (
        f"The route table has {m} {p}, which does not exist." for m, p in sorted(told - real)
    )


def check_commands() -> Iterator[str]:
    """The command list has every command with the options that it really takes."""
    import typer

    from bot.commands.main import app

    group = typer.main.get_command(app)
    real = set(getattr(group, "commands", {}))
    block = section("Command line")
    told = set(re.findall(r"^showtell ([a-z-]+)", block, re.M))
    yield from (f"The command list lacks `showtell {name}`." for name in sorted(real - told))
    yield from (
        f"The command list names `showtell {name}`, which does not exist."
        for name in sorted(told - real)
    )
    for line in block.splitlines():
        name = line.removeprefix("showtell ").split(" ")[0]
        if not line.startswith("showtell ") or name not in real:
            continue
        command = group.commands[name]  # type: ignore[attr-defined]
        options = {option for parameter in command.params for option in parameter.opts}
        for option in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", line):
            if option not in options:
                yield f"`showtell {name}` does not take the option {option} of the command list."


def check_links() -> Iterator[str]:
    """Every relative link of README and docs leads to a file."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text()):
            if not (page.parent / target).exists():
                yield f"{page.relative_to(ROOT)} links to {target}, which is not there."


def main() -> int:
    """Run every check."""
    checks = (check_version, check_settings, check_routes, check_commands, check_links)
    wrong = [sentence for check in checks for sentence in check()]
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
