"""Sentences that people read: what a native reader stumbled over does not come back."""

import ast
import re
from collections.abc import Iterator

import yaml

from scripts.draw_rooms import ROOT, modules

# "a picture that is none", "is no folder": German denies so, English does not.
STIFF = re.compile(
    r"that is none\b|put in order anew|owed to\b|eyes tell|which it has not\b|hubs taken off"
    r"|(?<!there )\bis no (?!longer|more|good|problem)[a-z]",
    re.IGNORECASE,
)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOT_OURS = {"experiments.md", "conversations.md"}  # a diary; what was said, by whoever said it


def sentences_of_failures() -> Iterator[tuple[str, str]]:
    """Yield the texts in what is raised, each with the module that raises it."""
    for name, file in modules().items():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for part in ast.walk(node) if isinstance(node, ast.Raise) else ():
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield name, part.value


def test_no_failure_is_told_stiffly() -> None:
    told = [*sentences_of_failures()]
    assert len(told) > 200
    assert not [(name, text) for name, text in told if STIFF.search(text)]


def test_nothing_in_the_pages_and_replies_is_stiff() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
    domain = yaml.safe_load((ROOT / "bot/rasa/domain.yml").read_text(encoding="utf-8"))
    texts |= {name: str(said) for name, said in domain["responses"].items()}
    found = {
        name: match.group()
        for name, text in texts.items()
        if name not in NOT_OURS and (match := STIFF.search(text))
    }
    assert not found
