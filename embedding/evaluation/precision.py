"""Whether a model's texts may be encoded in int8: where it finds as much as in float32."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from embedding.evaluation.recall import Embedded, Metrics, recall
from embedding.model.files import read_info, write_info
from embedding.onnx.description import FOLDER
from embedding.onnx.encoder import OnnxEncoder, all_cores
from embedding.onnx.quantize import quantize_text

__all__ = ["MOST_LOST", "Choice", "choose_precision"]

MOST_LOST = 0.5
"""Points of recall@10 that int8 may cost, in either direction."""


@dataclass(frozen=True)
class Choice:
    """What was measured, and what follows.

    Attributes:
        float32: recall with texts in float32.
        int8: the same in int8.
        is_int8: whether the model's texts are encoded in int8 from now on.
    """

    float32: Metrics
    int8: Metrics

    @property
    def is_int8(self) -> bool:
        """Whether int8 stays within what it may cost."""
        return self.lost <= MOST_LOST

    @property
    def lost(self) -> float:
        """Points of recall@10 that int8 costs in the direction that suffers more."""
        return max(
            self.float32["text_to_image"]["r10"] - self.int8["text_to_image"]["r10"],
            self.float32["image_to_text"]["r10"] - self.int8["image_to_text"]["r10"],
        )


def choose_precision(model_dir: Path, embedded: Embedded) -> Choice:
    """Measure int8 on a data set, and let the model use it from now on where it loses little.

    Args:
        model_dir: a model directory with graphs, in float32; showtell.json says what was measured.
        embedded: pictures and texts of data that it did not learn, encoded by it.

    Raises:
        ModelError: it has no graphs, or damaged ones.
    """
    owners, images = embedded.pairs.caption_to_image, embedded.images
    with tempfile.TemporaryDirectory(dir=model_dir, prefix=".int8-") as scratch:
        graphs = Path(shutil.copytree(model_dir / FOLDER, Path(scratch) / FOLDER))
        quantize_text(graphs)
        texts = OnnxEncoder(Path(scratch), threads=all_cores()).encode_text(embedded.pairs.captions)
        choice = Choice(recall(embedded.texts, images, owners), recall(texts, images, owners))
        if choice.is_int8:
            shutil.rmtree(model_dir / FOLDER)
            graphs.rename(model_dir / FOLDER)
    info = read_info(model_dir)
    figures = {
        "float32": _recall_at_10(choice.float32),
        "int8": _recall_at_10(choice.int8),
        "data": embedded.pairs.name,
    }
    text = "int8" if choice.is_int8 else "float32"
    write_info(model_dir, {**info, "onnx": {"text": text, "recall_at_10": figures}})
    return choice


def _recall_at_10(metrics: Metrics) -> dict[str, float]:
    return {side: metrics[side]["r10"] for side in ("text_to_image", "image_to_text")}
