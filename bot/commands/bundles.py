"""`showtell bundles`: which versions of the gallery there are, and removing old ones."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from bot.commands.console import out, say

Bundles = Annotated[
    Path, typer.Option(help="The bundles directory.", envvar="SHOWTELL_BUNDLES", file_okay=False)
]

bundles_app = typer.Typer(help="List the versions of the gallery; remove old ones.")


@bundles_app.callback(invoke_without_command=True)
def list_bundles(
    context: typer.Context,
    bundles: Bundles,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the versions of the gallery; remove old ones."""
    from retrieval.bundle.overview import describe_versions

    context.obj = bundles
    if context.invoked_subcommand is not None:
        return
    versions = describe_versions(bundles)
    if as_json:
        rows = [asdict(one) | {"created": one.created and f"{one.created:%F}"} for one in versions]
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    if not versions:
        say(f"There is no bundle in {bundles}; run `showtell index`.")
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
    from retrieval.bundle.versions import remove_version

    remove_version(context.obj, version)
    say(f"Bundle {version} is removed.")


@bundles_app.command()
def keep(
    context: typer.Context,
    count: Annotated[int, typer.Argument(min=1, help="How many of the newest stay.")],
) -> None:
    """Remove all versions but the newest and the live one."""
    from retrieval.bundle.versions import keep_newest

    removed = keep_newest(context.obj, count)
    say(f"Removed: {', '.join(removed) or 'nothing'}.")
