"""What `showtell train-reranker` does once its arguments are read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bot.settings import load_settings
from bot.workbench.console import progress_bars, say
from bot.workbench.evaluate import as_searched
from bot.workbench.figures import print_lines
from bot.workbench.recall_table import recall_lines, reranked_name
from embedding.pretrained.names import load_model
from embedding.rerank.config import RerankConfig
from embedding.rerank.train import train_reranker

__all__ = ["run_reranker_training"]


def run_reranker_training(model: str, data: str, config: Path | None, out_dir: Path) -> None:
    """Train, and print the recall on the dev split without and with the second stage."""
    settings = RerankConfig.read(config)
    cache_dir = load_settings().data_dir / "cache"
    joint = load_model(model)
    with progress_bars() as progress:
        result = train_reranker(
            joint,
            data,
            settings,
            out_dir,
            ranked_by=partial(as_searched, joint),
            cache_dir=cache_dir,
            progress=progress,
        )
    again = reranked_name(settings.candidates)
    print_lines(*recall_lines([(f"{model}, as searched", result.before), (again, result.after)]))
    say(
        f"The re-ranker is in {out_dir}; its weight beside the cosine, {result.weight:g}, and the "
        "best epoch were chosen on these pictures, so other data will show a little less."
    )
