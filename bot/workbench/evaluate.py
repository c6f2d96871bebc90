"""What `showtell evaluate` does once its arguments are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bot.errors import BadUse
from bot.settings import load_settings
from bot.workbench.console import out, progress_bars, say
from bot.workbench.recall_table import AS_SEARCHED, fold_lines, recall_lines, reranked_name
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


def run_evaluation(
    model: str,
    data: str | None,
    split: str | None,
    *,
    json_file: Path | None = None,
    report: Path | None = None,
    rerank_dir: Path | None = None,
) -> None:
    """Measure a model, and show what its run recorded of its folds.

    A model that names typical requests has a second row: as the search ranks with it.

    Args:
        model: a run, a model directory, or a name.
        data: ``KIND:PATH``; None shows the figures that the run recorded, and measures nothing.
        split: of the data; None is all of it.
        json_file: where the figures are written, too.
        report: where the page is written.
        rerank_dir: a re-ranker, whose recall stands in a row of its own.

    Raises:
        BadUse: no data were named, and there is no record of a run, or more than the record was
            asked for.
    """
    record = read_record(Path(model))
    measured: Measured | None = None
    if data is None:
        if not record:
            raise BadUse(
                f"{model} has no training.json with figures of its own; add --data KIND:PATH"
            )
        if report is not None:
            raise BadUse("a report shows pictures and captions; add --data KIND:PATH")
        if rerank_dir is not None:
            raise BadUse("a re-ranker needs pictures and captions; add --data KIND:PATH")
        metrics, name = record["metrics"], str(record["data"]["name"])
    else:
        measured = _measure(model, data, split, rerank_dir)
        metrics, name = measured.metrics, data
        if report is not None:
            save_report(report, model, measured, record)
    folds: list[Metrics] = record.get("folds", [])
    if folds:
        say("recorded in training, each fold on the images that it held out:")
        print_lines(*fold_lines(folds))
    print_recall(model, metrics, name, measured)
    if json_file:
        figures = {**metrics, **(measured.more_json() if measured else {}), **_folds_json(folds)}
        json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _measure(name: str, data: str, split: str | None, rerank_dir: Path | None) -> Measured:
    # A missing one is named before the pictures are looked at.
    reranker = None if rerank_dir is None else Reranker.load(rerank_dir)
    cache_dir = load_settings().data_dir / "cache"
    model = load_encoder(find_exported(name, say=say), threads=all_cores())
    second: Reranked | None = None
    with progress_bars() as progress:
        pairs = load_pairs(data, split, progress=progress)
        embedded = embed_pairs(model, pairs, cache_dir=cache_dir, progress=progress)
        ranked = as_searched(model, embedded)
        if reranker is not None:
            with grids_of(
                embedded.pairs, reranker.config, cache_dir=cache_dir, progress=progress
            ) as grids:
                second = rerank(reranker, ranked, grids)
    return Measured.of(embedded, ranked, second)


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


def print_recall(name: str, metrics: Metrics, data: str, measured: Measured | None) -> None:
    """Print recall in percent beside what others have published on these data.

    Args:
        name: of the model.
        metrics: its own, as measured now or as recorded in training.
        data: ``KIND:PATH``.
        measured: what stands below it; None if nothing was measured now.
    """
    published = published_rows(data)
    others = measured.others if measured else []
    print_lines(*recall_lines([(name, metrics), *others], published))
    say(f"{metrics['images']} images, {metrics['captions']} captions")
    if measured and measured.searched:
        say(f"{AS_SEARCHED.strip().capitalize()}: less how near a picture is to any request.")
    if measured and measured.second:
        say(
            f"Re-ranking took {measured.second.milliseconds:g} ms a query, once words and places "
            "are known."
        )
    if published:
        say("The other rows are published figures, on the test split.")


def print_lines(*lines: str) -> None:
    """Print a table's lines as they are."""
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)
