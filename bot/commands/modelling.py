"""The commands about models: to train and measure, which there are, and one of one's own."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.commands.bundles import Store, catalog_of

Data = Annotated[
    str,
    typer.Option(
        metavar="KIND:PATH",
        help="KIND is flickr8k, flickr30k, karpathy, csv, jsonl, folder, webdataset (tar shards), "
        "features or openmoji.",
    ),
]
Pairs = Annotated[
    Path | None,
    typer.Option(
        help='More captions, such as corrections: JSON lines {"image": …, "caption": …}, or CSV.',
        dir_okay=False,
    ),
]


class Split(StrEnum):
    """The parts of a data set."""

    train = "train"
    dev = "dev"
    test = "test"
    all = "all"


def train(
    data: Data,
    out_dir: Annotated[Path, typer.Option("--out", help="Where the run is kept.")],
    config: Annotated[
        Path | None, typer.Option(help="TOML or JSON with training settings.", dir_okay=False)
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="k-fold cross-validation, grouped by image.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume where it stopped.")] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write event files into OUT/tensorboard.")
    ] = False,
) -> None:
    """Train a joint embedding, keep the best model, and write OUT/report.html."""
    from embedding.data.pairs import kind_of
    from embedding.training.config import TrainConfig

    # Before torch is imported, which takes seconds.
    kind_of(data)
    from bot.workbench.train import run_training

    changes: dict[str, Any] = {"folds": folds} if folds else {}
    if tensorboard:
        changes["tensorboard"] = True
    run_training(data, TrainConfig.read(config, **changes), out_dir, resume=resume)


def evaluate(
    models: Annotated[list[str], typer.Argument(help="Runs, model directories, or models' names.")],
    data: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND:PATH",
            help="As for train; more than once for several. Default: a run's own figures.",
        ),
    ] = None,
    split: Annotated[Split, typer.Option(help="Which part of the data set.")] = Split.test,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Write the figures to this file, too."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a report as one HTML page.")
    ] = None,
    positives: Annotated[
        Path | None,
        typer.Option(
            metavar="PREFIX",
            help="Count further right answers too, for karpathy data, as ECCV Caption lists them: "
            "PREFIX_caption_to_image.json and PREFIX_image_to_caption.json.",
        ),
    ] = None,
) -> None:
    """Measure recall@1/5/10 and median rank in both directions, with 95 % intervals."""
    from bot.workbench.evaluate import run_evaluation

    part = None if split is Split.all else split.value
    run_evaluation(
        models,
        data or [],
        part,
        json_file=json_file,
        report=report,
        positives=positives,
    )


def join(
    models: Annotated[list[str], typer.Argument(help="Two or more runs, directories or names.")],
    data: Data,
    out_dir: Annotated[Path, typer.Option("--out", help="Where the joined model is kept.")],
    dimension: Annotated[
        int, typer.Option(min=0, help="Size of the joint space; 0 means that of all together.")
    ] = 0,
) -> None:
    """Join trained models into one: an ensemble with one vector, better than any of them."""
    from bot.workbench.join import run_join

    run_join(models, data, out_dir, dimension=dimension)


def quantize(
    model: Annotated[str, typer.Argument(help="A run, a model directory, or a model's name.")],
    data: Data,
    split: Annotated[Split, typer.Option(help="Which part of the data set.")] = Split.dev,
) -> None:
    """Encode texts in int8 from now on, if recall@10 stays within half a point."""
    from bot.workbench.quantize import run_quantization

    run_quantization(model, data, None if split is Split.all else split.value)


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
    for command in (train, evaluate, join, quantize, models, pull, adapt):
        app.command()(command)
