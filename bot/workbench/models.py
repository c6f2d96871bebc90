"""What `showtell models` and `showtell pull` do once their arguments are read."""

from __future__ import annotations

from typing import Any, Literal

from rich.table import Table

from bot.errors import BadUse
from bot.workbench.console import out, say
from embedding.pretrained.catalogue import KNOWN, Published, known_model
from embedding.pretrained.hub import fetch

__all__ = ["as_json", "pull_model", "show_models"]


def as_json() -> list[dict[str, Any]]:
    """Return what is known of each model, as JSON values."""
    return [
        {
            "name": model.name,
            "default": model.is_default,
            "about": model.about,
            "megabytes": model.megabytes,
            "languages": model.languages,
            "licence": model.licence,
            "comes_with_showtell": not model.sources,
            "sources": [
                {"repository": one.repository, "revision": one.revision} for one in model.sources
            ],
            "recall_at_1": model.recall
            and {
                "text_to_image": model.recall.r1,
                "data": model.recall.data,
                "source": model.recall.source,
            },
            "pictures_per_second": model.pictures_per_second,
        }
        for model in KNOWN
    ]


def show_models() -> None:
    """Print a table of them, and where its figures are from."""
    table = Table(box=None)
    right = {"MB", "R@1", "pictures/s"}
    for column in ("name", "for", "MB", "languages", "licence", "R@1", "pictures/s"):
        align: Literal["left", "right"] = "right" if column in right else "left"
        table.add_column(column, justify=align, overflow="fold", no_wrap=column == "name")
    notes = list(dict.fromkeys(_note(model.recall) for model in KNOWN if model.recall))
    for model in KNOWN:
        recall = "-"
        if model.recall:
            recall = f"{model.recall.r1} ({notes.index(_note(model.recall)) + 1})"
        speed = f"{model.pictures_per_second:g}" if model.pictures_per_second else "-"
        default = " *" if model.is_default else ""
        figures = (f"{model.megabytes:,}", model.languages, model.licence, recall, speed)
        table.add_row(model.name + default, model.about, *figures)
    out.print(table)
    say("*: taken where no model is named.")
    say("R@1: text to image, in percent; figures of different data cannot be compared.")
    for number, note in enumerate(notes, start=1):
        say(f"  ({number}) {note}")
    say(
        "pictures/s: measured here, one core of an AMD EPYC with AVX2; -: not measured, or not "
        "confirmed. Weights from the hub were never run here."
    )


def pull_model(name: str) -> None:
    """Fetch a model from the hub at its pinned revision, and verify it.

    Raises:
        BadUse: no model of the hub is known by this name.
        ModelError: it cannot be fetched, or is not what the hub names.
    """
    model = known_model(name)
    if model is None:
        names = ", ".join(one.name for one in KNOWN if one.sources)
        raise BadUse(f"no model is called {name!r}; `showtell models` lists them: {names}")
    if not model.sources:
        say(f"{model.name} comes with Showtell; there is nothing to fetch.")
        return
    say(f"{model.name}: {model.megabytes:,} MB, {model.licence}.")
    for source in model.sources:
        say(f"{source.repository} at {source.revision[:12]}")
        path, compared = fetch(source)
        say(f"{compared} files are as the hub names them, in {path}.")
    say(f"Use it: showtell index FOLDER --model {model.name}")


def _note(recall: Published) -> str:
    return f"{recall.data}: {recall.source}"
