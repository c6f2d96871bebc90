"""What `showtell train` does once its arguments are read."""

from __future__ import annotations

from pathlib import Path

from bot.settings import load_settings
from bot.workbench.console import name_skipped, progress_bars, say
from bot.workbench.evaluate import as_searched, save_report
from bot.workbench.figures import Figures, Measured, print_lines, print_recall
from bot.workbench.quantize import tell
from bot.workbench.recall_table import fold_lines
from embedding.evaluation.precision import choose_precision
from embedding.evaluation.recall import embed_pairs
from embedding.onnx.description import is_exported
from embedding.onnx.encoder import all_cores, load_encoder
from embedding.pretrained.names import find_exported
from embedding.training.config import TrainConfig
from embedding.training.distributed import is_first_process
from embedding.training.run_files import judged_pairs, read_record
from embedding.training.train import train

__all__ = ["run_training"]


def run_training(data: str, config: TrainConfig, out_dir: Path, *, resume: bool) -> None:
    """Train, print the recall of each fold and of the model that is kept, write the report."""
    cache_dir = load_settings().data_dir / "cache"
    with progress_bars() as progress:
        result = train(data, config, out_dir, resume=resume, cache_dir=cache_dir, progress=progress)
    if not is_first_process():
        return
    name_skipped(result.skipped)
    with progress_bars() as progress:
        pairs = judged_pairs(data, result, progress=progress)
        model = load_encoder(find_exported(result.model_dir, say=say), threads=all_cores())
        embedded = embed_pairs(model, pairs, cache_dir=cache_dir, progress=progress)
    measured = Measured.of(embedded, as_searched(model, embedded))
    if result.folds:
        print_lines(*fold_lines(result.folds))
        say("the best fold, whose model is kept:")
    print_recall([Figures(str(out_dir), data, result.metrics, measured)])
    if config.train_on != "all" and is_exported(result.model_dir):
        tell(choose_precision(result.model_dir, embedded))
    say(f"The best model is in {result.model_dir}.")
    report = out_dir / "report.html"
    save_report(report, str(out_dir), measured, read_record(out_dir))
    say(f"Curves, figures and the map of the space are in {report}.")
