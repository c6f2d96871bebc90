"""What `showtell quantize` does once its arguments are read."""

from __future__ import annotations

from pathlib import Path

from bot.errors import BadUse
from bot.settings import load_settings
from bot.workbench.console import progress_bars, say
from embedding.data.pairs import load_pairs
from embedding.evaluation.precision import MOST_LOST, Choice, choose_precision
from embedding.evaluation.recall import Metrics, embed_pairs
from embedding.onnx.description import FOLDER, Description, is_exported
from embedding.onnx.encoder import OnnxEncoder, all_cores
from embedding.pretrained.names import find_exported

__all__ = ["run_quantization", "tell"]


def run_quantization(model: str, data: str, split: str | None) -> None:
    """Measure a model's texts in int8, and keep them so where recall@10 stays.

    Args:
        model: a run, a model directory, or a name.
        data: ``KIND:PATH``, which the model did not learn.
        split: of the data; None is all of it.

    Raises:
        BadUse: the model's texts are in int8 already, or it runs in torch.
    """
    directory: Path = find_exported(model, say=say)
    if not is_exported(directory):
        raise BadUse(f"{model} cannot be exported, and so has no graphs to quantise")
    if Description.read(directory / FOLDER).text != "float32":
        raise BadUse(
            f"the texts of {model} are in int8 already; delete {directory / FOLDER} and "
            '"onnx" in showtell.json to begin anew'
        )
    encoder = OnnxEncoder(directory, threads=all_cores())
    with progress_bars() as progress:
        pairs = load_pairs(data, split, progress=progress)
        embedded = embed_pairs(
            encoder, pairs, cache_dir=load_settings().data_dir / "cache", progress=progress
        )
    tell(choose_precision(directory, embedded))


def tell(choice: Choice) -> None:
    """Say what was measured, and what follows."""
    how = "int8, faster" if choice.is_int8 else "float32"
    say(
        f"Texts are encoded in {how}: recall@10 is {_both(choice.float32)} in float32 and "
        f"{_both(choice.int8)} in int8, which may cost {MOST_LOST:g}."
    )


def _both(metrics: Metrics) -> str:
    return f"{metrics['text_to_image']['r10']:.1f}/{metrics['image_to_text']['r10']:.1f}"
