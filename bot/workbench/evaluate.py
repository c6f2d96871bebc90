"""What `showtell evaluate` does once its arguments are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.errors import BadUse
from bot.settings import load_settings
from bot.workbench.console import progress_bars, say
from bot.workbench.figures import Figures, Measured, print_lines, print_recall
from bot.workbench.recall_table import fold_lines
from embedding.data.layouts import karpathy_file, search_path
from embedding.data.pairs import Pairs, load_pairs
from embedding.evaluation.positives import Positives, read_positives
from embedding.evaluation.recall import Embedded, Metrics, embed_pairs, mean_and_deviation
from embedding.model.encoder import JointEncoder
from embedding.onnx.encoder import all_cores, load_encoder
from embedding.pretrained.names import find_exported
from embedding.training.run_files import read_record
from retrieval.search.as_searched import hubness_corrected
from retrieval.search.query_bank import known_bank

__all__ = ["as_searched", "run_evaluation", "save_report"]


def run_evaluation(
    models: Sequence[str],
    data: Sequence[str],
    split: str | None,
    *,
    json_file: Path | None = None,
    report: Path | None = None,
    positives: Path | None = None,
) -> None:
    """Measure models on data sets, and show what a run recorded of its folds.

    A model that names typical requests has a second row: as the search ranks with it.

    Args:
        models: runs, model directories, or names.
        data: ``KIND:PATH`` each; without any the figures that the runs recorded are shown, and
            nothing is measured.
        split: of the data; None is all of it.
        json_file: where the figures are written, too: of one model on one data set they alone, of
            more a list.
        report: where the page is written.
        positives: where further right answers are listed (see ``read_positives``).

    Raises:
        BadUse: no data were named, and there is no record of a run, or more than the record was
            asked for; or a report of several; or further answers to data without numbers.
    """
    records = {model: read_record(Path(model)) for model in models}
    if not data:
        asked = {"a report": report, "a list of positives": positives}
        more = next((what for what, path in asked.items() if path is not None), "")
        figures = [_recorded(model, records[model], more) for model in models]
    elif report is not None and len(models) * len(data) > 1:
        raise BadUse("a report shows one model on one data set; leave the others out")
    else:
        figures = _measure(models, data, split, positives)
        if report is not None and figures[0].measured is not None:
            save_report(report, models[0], figures[0].measured, records[models[0]])
    for model in models:
        folds: list[Metrics] = records[model].get("folds", [])
        if folds:
            say(f"recorded in training of {model}, each fold on the images that it held out:")
            print_lines(*fold_lines(folds))
    print_recall(figures)
    if json_file:
        text = json.dumps(_json(figures, records), indent=2)
        json_file.write_text(text + "\n", encoding="utf-8")


def _json(figures: Sequence[Figures], records: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return what is written: the figures of one model on one data set, or a list of more."""
    each = [
        {**one.to_json(), **_folds_json(records[one.model].get("folds", []))} for one in figures
    ]
    if len(each) == 1:
        return each[0]
    return [
        {"model": one.model, "data": one.data, **values}
        for one, values in zip(figures, each, strict=True)
    ]


def _recorded(model: str, record: Mapping[str, Any], more: str) -> Figures:
    """Return what a run recorded of itself; refuse to do ``more`` with it."""
    if not record:
        raise BadUse(f"{model} has no training.json with figures of its own; add --data KIND:PATH")
    if more:
        raise BadUse(f"{more} needs pictures and captions; add --data KIND:PATH")
    return Figures(model, str(record["data"]["name"]), record["metrics"])


def _measure(
    models: Sequence[str],
    data: Sequence[str],
    split: str | None,
    positives: Path | None,
) -> list[Figures]:
    """Return the figures of each model on each data set, data set by data set."""
    cache_dir = load_settings().data_dir / "cache"
    found: dict[tuple[str, str], Figures] = {}
    with progress_bars() as progress:
        sets = {spec: load_pairs(spec, split, progress=progress) for spec in data}
        for name in models:
            # One after the other: a large model does not wait in memory beside another.
            model = load_encoder(find_exported(name, say=say), threads=all_cores())
            for spec, pairs in sets.items():
                embedded = embed_pairs(model, pairs, cache_dir=cache_dir, progress=progress)
                ranked = as_searched(model, embedded)
                right = None if positives is None else _positives(positives, embedded.pairs)
                measured = Measured.of(embedded, ranked, right)
                found[spec, name] = Figures(name, spec, measured.metrics, measured)
    return [found[spec, name] for spec in sets for name in models]


def _positives(prefix: Path, pairs: Pairs) -> Positives:
    kind, _, location = pairs.name.partition(":")
    if kind != "karpathy":
        raise BadUse(f"further positives go with data of the kind karpathy, not {pairs.name}")
    listing = karpathy_file(search_path(location, pairs.name)[0])
    return read_positives(prefix, listing, pairs)


def as_searched(model: JointEncoder, embedded: Embedded) -> Embedded:
    """Return a data set as the search ranks it with a model; the same if nothing is different.

    Raises:
        RetrievalError: the typical requests that the model comes with are damaged.
    """
    bank = None if model.directory is None else known_bank(model.directory, model)
    return embedded if bank is None else hubness_corrected(embedded, bank)


def save_report(path: Path, title: str, measured: Measured, record: Mapping[str, Any]) -> None:
    """Write report.html with what a run recorded, as far as there is a record."""
    from embedding.evaluation.report import write_report

    write_report(
        path,
        title=title,
        metrics=measured.metrics,
        pairs=measured.embedded.pairs,
        text_vectors=measured.embedded.texts,
        image_vectors=measured.embedded.images,
        history=record.get("history", ()),
        folds=record.get("folds", ()),
        others=measured.others,
        settings=record.get("settings"),
    )


def _folds_json(folds: Sequence[Metrics]) -> dict[str, Any]:
    if not folds:
        return {}
    mean, deviation = mean_and_deviation(folds)
    return {"folds": list(folds), "folds_mean": mean, "folds_sd": deviation}
