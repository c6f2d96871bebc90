"""MiniLM as it is published: the encoder of sentences that comes with the installation."""

import subprocess
import sys
from pathlib import Path

from embedding.errors import ModelError
from embedding.model.encoder import SentenceEncoder
from embedding.onnx.description import is_exported
from embedding.onnx.encoder import OnnxEncoder, all_cores
from embedding.packages import MINILM, MINILM_SHA256, minilm_directory
from embedding.pretrained.shipped import default_models_dir

__all__ = ["load_sentence_encoder", "write_graph"]


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
    """Write the graph by another process: torch, which is needed this once, takes a gigabyte."""
    minilm_directory()  # a package that is missing or altered is told as such
    done = subprocess.run(  # noqa: S603 - this module
        [sys.executable, "-m", __name__, str(directory)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        told = done.stderr.splitlines() or [f"the export of {MINILM} to {directory} was ended"]
        raise ModelError(told[-1])


def write_graph(directory: Path) -> None:
    """Write MiniLM's graph into a folder of its own.

    Raises:
        ModelError: its package is missing or altered, or the folder cannot be written.
    """
    from embedding.model.joint import JointEmbedding
    from embedding.model.towers import load_modules
    from embedding.onnx.export import IN_BLOCKS, export_model

    source = minilm_directory()
    info = {"onnx": {"text": IN_BLOCKS}}
    export_model(JointEmbedding(load_modules(source), MINILM, info, source), directory)


if __name__ == "__main__":
    try:
        write_graph(Path(sys.argv[1]))
    except ModelError as error:
        sys.exit(str(error))
