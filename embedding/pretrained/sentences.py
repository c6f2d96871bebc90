"""MiniLM as it is published: the encoder of sentences that comes with the installation."""

from pathlib import Path

from embedding.model.encoder import SentenceEncoder
from embedding.onnx.description import is_exported
from embedding.onnx.encoder import OnnxEncoder, all_cores
from embedding.packages import MINILM, MINILM_SHA256, minilm_directory
from embedding.pretrained.shipped import default_models_dir

__all__ = ["load_sentence_encoder"]


def load_sentence_encoder(models: Path | None = None) -> SentenceEncoder:
    """Return MiniLM, whose vectors (n, 384) tell what sentences mean.

    Args:
        models: where its graph is kept, which is written once; None means ``default_models_dir()``.

    Raises:
        ModelError: its package is missing or altered.
    """
    directory = (models or default_models_dir()) / f"minilm-{MINILM_SHA256[:12]}-int8"
    if not is_exported(directory):
        _export(directory)
    # A single text needs one thread; the thousands that understanding is learned from, all cores.
    return OnnxEncoder(directory, threads=all_cores())


def _export(directory: Path) -> None:
    source = minilm_directory()
    # Lazily: torch takes seconds to import, and the graph is written once.
    from embedding.model.joint import JointEmbedding
    from embedding.model.towers import load_modules
    from embedding.onnx.export import IN_BLOCKS, export_model

    info = {"onnx": {"text": IN_BLOCKS}}
    export_model(JointEmbedding(load_modules(source), MINILM, info, source), directory)
