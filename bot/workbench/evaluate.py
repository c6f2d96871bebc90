"""What `showtell evaluate` does once its arguments are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Self

from bot.errors import BadUse
from bot.settings import load_settings
from bot.workbench.console import out, progress_bars, say
from bot.workbench.recall_table import (
    AS_SEARCHED,
    fold_lines,
    recall_lines,
    reranked_name,
    table_lines,
)
from embedding.data.pairs import load_pairs
from embedding.evaluation.published import published_rows
from embedding.evaluation.recall import Embedded, Metrics, embed_pairs, mean_and_deviation, measure
from embedding.model.encoder import JointEncoder
from embedding.onnx.encoder import all_cores, load_encoder
from embedding.pretrained.names import find_exported
from embedding.rerank.evaluate import Reranked, grids_of, rerank
from embedding.rerank.model import Reranker
from embedding.training.run_files import read_record
from retrieval.search.as_searched import hubness_corrected
from retrieval.search.query_bank import known_bank

__all__ = [
    "Figures",
    "Measured",
    "as_searched",
    "print_lines",
    "print_recall",
    "run_evaluation",
    "save_report",
]


@dataclass(frozen=True)
class Measured:
    """What was measured of a model.

    Attributes:
        embedded: the data set in the joint space.
        metrics: by cosine.
        searched: as the search ranks; None where that is the same.
        second: with the first few re-ranked; None where there is no re-ranker.
    """

    embedded: Embedded
    metrics: Metrics
    searched: Metrics | None
    second: Reranked | None

    @classmethod
    def of(cls, embedded: Embedded, ranked: Embedded, second: Reranked | None = None) -> Self:
        """Return the figures of a data set by cosine and ranked ``as_searched``."""
        searched = None if ranked is embedded else measure(ranked)
        return cls(embedded, measure(embedded), searched, second)

    @property
    def others(self) -> list[tuple[str, Metrics]]:
        """The rows below the model's own: names and figures."""
        rows = [(AS_SEARCHED, self.searched)] if self.searched else []
        if self.second is not None:
            rows.append((reranked_name(self.second.candidates), self.second.metrics))
        return rows

    def more_json(self) -> dict[str, Any]:
        """Return what stands beside the model's own figures, as JSON values."""
        figures: dict[str, Any] = {}
        if self.searched is not None:
            figures["as_searched"] = self.searched
        if self.second is not None:
            figures["reranked"] = {
                **self.second.metrics,
                "candidates": self.second.candidates,
                "milliseconds_per_query": self.second.milliseconds,
            }
        return figures


@dataclass(frozen=True)
class Figures:
    """A model's figures on a data set.

    Attributes:
        model: as it was named.
        data: ``KIND:PATH``.
        metrics: its own, by cosine, as measured now or as recorded in training.
        measured: what else was measured now; None if nothing was.
    """

    model: str
    data: str
    metrics: Metrics
    measured: Measured | None = None

    @property
    def rows(self) -> list[tuple[str, Metrics]]:
        """The lines of a table: names and figures."""
        return [(self.model, self.metrics), *(self.measured.others if self.measured else [])]

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values."""
        return {**self.metrics, **(self.measured.more_json() if self.measured else {})}


def run_evaluation(
    models: Sequence[str],
    data: Sequence[str],
    split: str | None,
    *,
    json_file: Path | None = None,
    report: Path | None = None,
    rerank_dir: Path | None = None,
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
        rerank_dir: a re-ranker, whose recall stands in a row of its own.

    Raises:
        BadUse: no data were named, and there is no record of a run, or more than the record was
            asked for; or a report of several.
    """
    records = {model: read_record(Path(model)) for model in models}
    if not data:
        figures = [_recorded(model, records[model], report, rerank_dir) for model in models]
    elif report is not None and len(models) * len(data) > 1:
        raise BadUse("a report shows one model on one data set; leave the others out")
    else:
        figures = _measure(models, data, split, rerank_dir)
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


def _recorded(
    model: str, record: Mapping[str, Any], report: Path | None, rerank_dir: Path | None
) -> Figures:
    """Return what a run recorded of itself."""
    if not record:
        raise BadUse(f"{model} has no training.json with figures of its own; add --data KIND:PATH")
    if report is not None:
        raise BadUse("a report shows pictures and captions; add --data KIND:PATH")
    if rerank_dir is not None:
        raise BadUse("a re-ranker needs pictures and captions; add --data KIND:PATH")
    return Figures(model, str(record["data"]["name"]), record["metrics"])


def _measure(
    models: Sequence[str], data: Sequence[str], split: str | None, rerank_dir: Path | None
) -> list[Figures]:
    """Return the figures of each model on each data set, data set by data set."""
    # A missing one is named before the pictures are looked at.
    reranker = None if rerank_dir is None else Reranker.load(rerank_dir)
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
                second: Reranked | None = None
                if reranker is not None:
                    with grids_of(
                        embedded.pairs, reranker.config, cache_dir=cache_dir, progress=progress
                    ) as grids:
                        second = rerank(reranker, ranked, grids)
                measured = Measured.of(embedded, ranked, second)
                found[spec, name] = Figures(name, spec, measured.metrics, measured)
    return [found[spec, name] for spec in sets for name in models]


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


def print_recall(figures: Sequence[Figures]) -> None:
    """Print recall in percent beside what others have published on these data.

    Args:
        figures: of one model on one data set, or of several, those of a data set side by side.
    """
    parts = [(data, list(rows)) for data, rows in groupby(figures, key=lambda one: one.data)]
    published = [published_rows(data) for data, _ in parts]
    rows = [[row for one in own for row in one.rows] for _, own in parts]
    counts = [f"{m['images']} images, {m['captions']} captions" for m in (r[0][1] for r in rows)]
    if len(parts) == 1:
        print_lines(*recall_lines(rows[0], published[0]))
        say(counts[0])
    else:
        titles = [f"{data}: {count}" for (data, _), count in zip(parts, counts, strict=True)]
        print_lines(*table_lines(zip(titles, rows, published, strict=True)))
    measured = [one.measured for one in figures if one.measured]
    if any(one.searched for one in measured):
        say(f"{AS_SEARCHED.strip().capitalize()}: less how near a picture is to any request.")
    taken = [one.second.milliseconds for one in measured if one.second]
    if taken:
        say(f"Re-ranking took {max(taken):g} ms a query, once words and places are known.")
    if any(published):
        say("The other rows are published figures, on the test split.")


def print_lines(*lines: str) -> None:
    """Print a table's lines as they are."""
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)
