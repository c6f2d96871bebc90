"""The showtell command.

Each command imports what it needs when it runs: `--help` answers at once. Failures are one line;
exit 2 for bad use, 1 for failure; `--debug` shows the traceback.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.commands.bundles import Bundles, Store, bundles_app, catalog_of
from bot.commands.modelling import add_commands
from bot.workbench.console import (
    MOST_NAMED,
    err,
    json_lines,
    name_skipped,
    out,
    progress_bars,
    say,
)

if TYPE_CHECKING:
    from bot.settings import Settings

app = typer.Typer(
    name="showtell",
    help="You tell, it shows: a chatbot that answers people with pictures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(bundles_app, name="bundles")
add_commands(app)

Model = Annotated[
    str | None,
    typer.Option(
        help="A model directory, or a model's name. Default: photos, which comes with Showtell. "
        "`showtell models` lists others: where a hub can be reached, clip knows far more."
    ),
]
Url = Annotated[str, typer.Option(help="Where the server answers.", envvar="SHOWTELL_URL")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on.", min=0, max=65535)]
LOCAL = "http://127.0.0.1:8000"


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of failures.")] = False,
) -> None:
    """You tell, it shows: a chatbot that answers people with pictures."""
    _State.debug = debug


class _State:
    debug = False


@app.command()
def demo(
    port: Port = None,
    host: Host = None,
    prepare_only: Annotated[
        bool, typer.Option("--prepare-only", help="Make the demo gallery and stop.")
    ] = False,
) -> None:
    """Build (once) and serve the demo gallery: 1,900 emoji with names."""
    from bot.commands.demo import EXAMPLES, prepare_demo
    from bot.settings import load_settings

    settings = load_settings(host=host, port=port)
    with progress_bars() as progress:
        bundles = prepare_demo(settings.data_dir, progress)
    if prepare_only:
        say(f"The demo gallery is ready in {bundles}.")
        return
    _serve(settings.model_copy(update={"bundles": bundles, "examples": EXAMPLES}))


@app.command()
def index(
    images: Annotated[
        str, typer.Argument(help="A folder of pictures, s3://…, gs://…, https://…, or KIND:PATH.")
    ],
    bundles: Bundles = None,
    store: Store = None,
    model: Model = None,
    captions: Annotated[
        Path | None, typer.Option(help="CSV (file,caption), JSONL, or Flickr's token file.")
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            help="Encode only this share, such as 3/16; once all are done, index without it."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print progress as JSON, one object a line.")
    ] = False,
) -> None:
    """Index pictures into a new version of the gallery and make it the live one."""
    from contextlib import closing

    from bot.commands.index import default_model, index_images, index_shard
    from bot.settings import load_settings

    if model is None:
        model, about = default_model()
        say(f"model: {model}, {about}; see `showtell model-path {model}`")

    cache_dir = load_settings().data_dir / "cache"
    bars = json_lines() if as_json else progress_bars()
    version = None
    with closing(catalog_of(bundles, store)) as catalog, bars as progress:
        given = (images, captions, model, catalog, cache_dir)
        if shard is None:
            report = index_images(*given, progress=progress)
            version, skipped = report.version, report.skipped
            sentence = (
                f"Bundle {version} is live: {report.count} pictures, {report.reused} of them "
                f"already encoded before, {len(skipped)} skipped, {report.folded} with the same "
                "content as another."
            )
        else:
            share = index_shard(*given, shard, progress=progress)
            skipped = share.skipped
            sentence = (
                f"Shard {shard} is encoded: {share.count} pictures, {share.reused} of them "
                f"already before, {len(skipped)} skipped. When all are, index without --shard."
            )
    if as_json:
        named = [f"{one.what}: {one.why}" for one in skipped[:MOST_NAMED]]
        result = {"version": version, "sentence": sentence, "skipped": named}
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    name_skipped(skipped)
    say(sentence)


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="What to look for, in plain words.")],
    bundles: Bundles = None,
    store: Store = None,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many pictures.")] = 5,
    as_json: Json = False,
) -> None:
    """Search once, without a conversation."""
    from bot.commands.search import search_once

    rows, confident = search_once(text, catalog_of(bundles, store), k)
    if as_json:
        typer.echo(json.dumps({"confident": confident, "hits": rows}, ensure_ascii=False))
        return
    _print_rows(("score", "caption", "file"), rows)
    if not confident:
        say("Nothing here fits well; these are the closest.")


@app.command()
def serve(
    bundles: Bundles = None,
    store: Store = None,
    host: Host = None,
    port: Port = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that answer.")] = None,
) -> None:
    """Serve the chat page, the widget, all channels and the admin routes."""
    from bot.settings import load_settings

    _serve(load_settings(bundles=bundles, store=store, host=host, port=port, workers=workers))


@app.command()
def mcp(bundles: Bundles = None, store: Store = None) -> None:
    """Serve other assistants on standard input and output (Model Context Protocol)."""
    from bot.commands.mcp import run_mcp
    from bot.settings import load_settings

    run_mcp(load_settings(bundles=bundles, store=store))


@app.command()
def actions(
    bundles: Bundles = None, store: Store = None, host: Host = None, port: Port = 5055
) -> None:
    """Serve the Rasa action server alone (with the pictures it shows)."""
    from bot.settings import load_settings

    settings = load_settings(bundles=bundles, store=store, host=host, port=port)
    _serve(settings, only_actions=True)


@app.command()
def chat(url: Url = LOCAL) -> None:
    """Chat in the terminal with a running server."""
    from bot.commands.chat import run_chat

    run_chat(url)


@app.command()
def reload(
    url: Url = LOCAL,
    version: Annotated[
        str | None, typer.Option(help="Which bundle. Default: the one that CURRENT names.")
    ] = None,
) -> None:
    """Make a running server switch to another bundle (needs SHOWTELL_ADMIN_TOKEN)."""
    from bot.commands.chat import request_reload

    say(f"The server answers with bundle {request_reload(url, version)} now.")


@app.command("model-path")
def model_path(
    name: Annotated[
        str,
        typer.Argument(
            help="photos, minilm, efficientnet-lite0, efficientnet-lite1 or efficientnet-lite2."
        ),
    ],
) -> None:
    """Print the directory of a shipped model."""
    from embedding.pretrained.names import shipped_model_path

    typer.echo(shipped_model_path(name))


def _serve(settings: Settings, *, only_actions: bool = False) -> None:
    """Run the server with a Redis of its own where none is named."""
    from bot.server.run import run_server

    run_server(settings, only_actions=only_actions, say=say)


def _print_rows(columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    out.print(table)


def _expected_errors() -> tuple[type[Exception], ...]:
    """Return the exception families whose message is the whole story."""
    from bot.errors import BotError
    from embedding.errors import EmbeddingError
    from retrieval.errors import RetrievalError

    return (BotError, RetrievalError, EmbeddingError, OSError)


def main() -> None:
    """Run the command line; a failure is one line unless tracebacks were asked for."""
    # Threads of torch that wait for each other in a loop take a busy core from the one they wait
    # for: training beside other work took fourteen times as long. Read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # By default nothing would be cleared away that is half made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if _State.debug:
            raise
        message = str(error)
        if not isinstance(error, _expected_errors()):
            message = (
                f"unexpected {type(error).__name__}: {error} (see more with `showtell --debug`)"
            )
        err.print(
            f"showtell: {message}", style="red", highlight=False, markup=False, soft_wrap=True
        )
        sys.exit(getattr(error, "exit_code", 1))
