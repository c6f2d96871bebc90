"""`showtell models`, `pull` and `adapt`: which models there are, and one of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.bundles import Store, catalog_of

Pairs = Annotated[
    Path | None,
    typer.Option(
        help='More captions, such as corrections: JSON lines {"image": …, "caption": …}, or CSV.',
        dir_okay=False,
    ),
]


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the models that `--model` takes by name, with what each is good for and costs."""
    from bot.workbench.models import as_json as rows
    from bot.workbench.models import show_models

    if as_json:
        typer.echo(json.dumps(rows(), ensure_ascii=False))
        return
    show_models()


def pull(
    name: Annotated[str, typer.Argument(help="As `showtell models` lists it, such as clip.")],
) -> None:
    """Fetch a model from the hub at its pinned revision, and verify it."""
    from bot.workbench.models import pull_model

    pull_model(name)


def adapt(
    bundles: Annotated[
        Path | None,
        typer.Argument(help="The bundles directory.", envvar="SHOWTELL_BUNDLES", file_okay=False),
    ] = None,
    store: Store = None,
    pairs: Pairs = None,
    only_measure: Annotated[
        bool, typer.Option("--only-measure", help="Print the gain and write nothing.")
    ] = False,
) -> None:
    """Teach the model the gallery's own captions, if that finds more, and make it the live one."""
    from contextlib import closing

    from bot.workbench.adapt import run_adaptation

    with closing(catalog_of(bundles, store)) as catalog:
        run_adaptation(catalog, pairs, only_measure=only_measure)


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (models, pull, adapt):
        app.command()(command)
