"""`showtell bundles`: which versions of the gallery there are, and removing old ones."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from bot.workbench.console import out, say

if TYPE_CHECKING:
    from retrieval.bundle.catalog import Catalog

Bundles = Annotated[
    Path | None,
    typer.Option(help="The bundles directory.", envvar="SHOWTELL_BUNDLES", file_okay=False),
]
Store = Annotated[
    str | None,
    typer.Option(
        help="A gallery in PostgreSQL with pgvector instead: postgresql://user@host/name.",
        envvar="SHOWTELL_STORE",
        show_envvar=True,
    ),
]

bundles_app = typer.Typer(help="List the versions of the gallery; remove old ones.")


def catalog_of(bundles: Path | None, store: str | None) -> Catalog:
    """Return the catalog of the gallery that a command was given.

    Raises:
        SettingsError: it was given none.
    """
    from bot.live.catalog import open_catalog
    from bot.settings import load_settings

    return open_catalog(load_settings(bundles=bundles, store=store))


@bundles_app.callback(invoke_without_command=True)
def list_bundles(
    context: typer.Context,
    bundles: Bundles = None,
    store: Store = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the versions of the gallery; remove old ones."""
    catalog = catalog_of(bundles, store)
    context.obj = catalog
    context.call_on_close(catalog.close)
    if context.invoked_subcommand is not None:
        return
    versions = catalog.describe()
    if as_json:
        rows = [asdict(one) | {"created": one.created and f"{one.created:%F}"} for one in versions]
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    if not versions:
        say(f"There is no bundle in {catalog.name}; run `showtell index`.")
        return
    table = Table(box=None)
    for column in ("version", "built", "pictures", "MB", "model", ""):
        table.add_column(column, justify="right" if column in ("pictures", "MB") else "left")
    for one in versions:
        built = f"{one.created:%F %R}" if one.created else "?"
        remark = "live" if one.live else one.problem or ""
        figures = (f"{one.count or '?'}", f"{one.size / 1e6:.0f}")
        table.add_row(one.version, built, *figures, one.model or "?", remark)
    out.print(table)


@bundles_app.command()
def remove(
    context: typer.Context,
    version: Annotated[str, typer.Argument(help="Which one, as the list names it.")],
) -> None:
    """Remove one version; never the live one."""
    context.obj.remove(version)
    say(f"Bundle {version} is removed.")


@bundles_app.command()
def keep(
    context: typer.Context,
    count: Annotated[int, typer.Argument(min=1, help="How many of the newest stay.")],
) -> None:
    """Remove all versions but the newest and the live one."""
    removed = context.obj.keep_newest(count)
    say(f"Removed: {', '.join(removed) or 'nothing'}.")
