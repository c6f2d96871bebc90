"""Recall with a second stage: words of captions against places of pictures.

    python -m benchmarks.rerank photos --data flickr8k:../shared/flickr8k --out runs/reranker

Trains a re-ranker unless the directory holds one, then prints the model's recall on the dev split
by cosine, as the search ranks, and with its first candidates re-ranked.

The chat does not use it: for each picture of a gallery it would look with networks of its own at
384 pixels, a second on one core, and keep 36 places of 256 numbers, for two points of recall@1.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

from benchmarks.rerank.config import RerankConfig
from benchmarks.rerank.evaluate import grids_of, rerank
from benchmarks.rerank.model import RERANK_FILE, Reranker
from benchmarks.rerank.train import train_reranker
from bot.settings import load_settings
from bot.workbench.console import progress_bars, say
from bot.workbench.evaluate import as_searched
from bot.workbench.figures import print_lines
from bot.workbench.recall_table import AS_SEARCHED, recall_lines
from embedding.data.pairs import load_pairs
from embedding.evaluation.recall import embed_pairs, measure
from embedding.pretrained.names import load_model

RECIPE = Path(__file__).with_name("recipe.toml")


def main(arguments: list[str] | None = None) -> None:
    """Train where nothing is yet, measure, print."""
    parser = argparse.ArgumentParser(prog="benchmarks.rerank", description=__doc__)
    parser.add_argument("model", help="what finds the candidates: a run, a directory, or a name")
    parser.add_argument("--data", required=True, metavar="KIND:PATH", help="with pictures")
    parser.add_argument("--out", required=True, type=Path, help="where the re-ranker is kept")
    parser.add_argument("--config", type=Path, default=RECIPE, help="TOML or JSON, for training")
    parser.add_argument("--split", default="dev", help="what is measured on")
    parser.add_argument("--json", type=Path, dest="json_file", help="write the figures there too")
    options = parser.parse_args(arguments)
    cache_dir = load_settings().data_dir / "cache"
    joint = load_model(options.model)
    with progress_bars() as progress:
        if not (options.out / RERANK_FILE).exists():
            result = train_reranker(
                joint,
                options.data,
                RerankConfig.read(options.config),
                options.out,
                ranked_by=partial(as_searched, joint),
                cache_dir=cache_dir,
                progress=progress,
            )
            say(
                f"The re-ranker is in {options.out}; its weight beside the cosine, "
                f"{result.weight:g}, and the best epoch were chosen on the dev split, so other "
                "data will show a little less."
            )
        reranker = Reranker.load(options.out)
        pairs = load_pairs(options.data, options.split, progress=progress)
        embedded = embed_pairs(joint, pairs, cache_dir=cache_dir, progress=progress)
        ranked = as_searched(joint, embedded)
        with grids_of(
            embedded.pairs, reranker.config, cache_dir=cache_dir, progress=progress
        ) as grids:
            second = rerank(reranker, ranked, grids)
    own, searched = measure(embedded), measure(ranked)
    again = f"  its first {second.candidates} re-ranked"
    print_lines(
        *recall_lines([(options.model, own), (AS_SEARCHED, searched), (again, second.metrics)])
    )
    say(f"Re-ranking took {second.milliseconds:g} ms a query, once words and places are known.")
    if options.json_file:
        figures = {"by_cosine": own, "as_searched": searched, "reranked": second.metrics}
        options.json_file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
