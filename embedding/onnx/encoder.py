"""OnnxEncoder: a model's graphs run by ONNX Runtime, without torch in the process."""

import os
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from embedding.errors import ModelError
from embedding.model.encoder import JointEncoder, check_features, reads_no_pictures
from embedding.model.vectors import Vectors, in_batches, unit
from embedding.model.vocabulary import whole_words
from embedding.onnx.description import FOLDER, Description, is_exported
from embedding.onnx.texts import Reader, load_reader
from embedding.progress import Progress, silent

__all__ = [
    "FEATURES",
    "IMAGE",
    "IMAGE_HEAD",
    "TEXT",
    "VECTORS",
    "OnnxEncoder",
    "all_cores",
    "load_encoder",
]

TEXT = "text.onnx"
"""Tokens -> ``FEATURES`` (n, any), where the encoder has vectors of its own, and ``VECTORS``."""
IMAGE = "image.onnx"
"""Pixels -> ``FEATURES`` (n, width)."""
IMAGE_HEAD = "image_head.onnx"
"""``FEATURES`` (n, width) -> ``VECTORS`` (n, dimension)."""
FEATURES = "features"
VECTORS = "vectors"

_TEXT_BATCH = 32
_IMAGE_BATCH = 1
"""Pictures at once in one thread: what more of them compute in between leaves the caches."""
_HEAD_BATCH = 1024


def load_encoder(directory: Path, *, threads: int = 1) -> JointEncoder:
    """Return the encoder of a model directory: its graphs, or torch where it has none.

    Args:
        directory: of a model, with or without graphs.
        threads: batches that are encoded at once by one call.

    Raises:
        ModelError: it cannot be loaded, or does not read both texts and pictures.
    """
    if is_exported(directory):
        return OnnxEncoder(directory, threads=threads)
    # Lazily: torch takes seconds to import, and a model with graphs needs none of it.
    from embedding.model.joint import JointEmbedding

    return JointEmbedding.load(directory)


def all_cores() -> int:
    """Return how many batches at once keep this machine busy: for work that nobody waits beside."""
    return os.cpu_count() or 1


class OnnxEncoder:
    """A model directory's graphs; safe from several threads at once.

    A graph is opened when it is first needed. Each run computes in the thread that asks for it:
    who wants more threads asks from more of them, so that turns do not wait for each other.

    Args:
        directory: a model directory.
        threads: batches that are encoded at once by one call.

    Raises:
        ModelError: it holds no graphs, or damaged ones.
    """

    def __init__(self, directory: Path, *, threads: int = 1) -> None:
        self.directory: Path | None = directory
        self._folder = directory / FOLDER
        self.description = Description.read(self._folder)
        self._threads = threads
        self._opening = threading.Lock()
        self._sessions: dict[str, Any] = {}

    @cached_property
    def _reader(self) -> Reader:
        return load_reader(self._folder, self.description.prompt)

    @property
    def name(self) -> str:
        """What people call the model."""
        return self.description.name

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        return self.description.dimension

    @property
    def fingerprint(self) -> str:
        """Same fingerprint, same vectors: 16 hex digits."""
        return self.description.fingerprint

    @property
    def image_fingerprint(self) -> str:
        """The same of the image encoder's own vectors."""
        return self.description.image_fingerprint

    @property
    def image_precision(self) -> str:
        """In which arithmetic image features are computed."""
        return self.description.image or "float32"

    @cached_property
    def known_words(self) -> frozenset[str]:
        """The words that its text encoder knows as they are spelled, lower-cased."""
        return frozenset(whole_words(self._reader.vocabulary()))

    @property
    def reads_images(self) -> bool:
        """Whether images can be encoded; otherwise the image side takes feature vectors."""
        return self.description.view is not None

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors (n, dimension) of texts; none is ever fetched or opened."""
        return unit(self._encode_texts(texts, VECTORS))

    def encode_sentences(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors (n, m) of the text encoder alone, before the joint projection.

        A foreign model has no such point: there it is the text vector itself.
        """
        return unit(self._encode_texts(texts, FEATURES if self.description.has_heads else VECTORS))

    def encode_images(self, images: Sequence[Image.Image], progress: Progress = silent) -> Vectors:
        """Return unit vectors (n, dimension) of pictures of any mode and size.

        Raises:
            ModelError: the model was trained on precomputed features.
        """
        return self.encode_features(self.encode_image_features(images, progress))

    def encode_image_features(
        self, images: Sequence[Image.Image], progress: Progress = silent
    ) -> Vectors:
        """Return the image encoder's own vectors (n, width), before the projection.

        Raises:
            ModelError: as ``encode_images``.
        """
        view = self.description.view
        if view is None:
            raise reads_no_pictures(self.name)
        if not images:
            return np.zeros((0, self.description.width), np.float32)

        def encode(batch: Sequence[Image.Image]) -> Vectors:
            return self._run(IMAGE, {"pixel_values": view.read(batch)}, FEATURES)

        return in_batches(images, _IMAGE_BATCH, encode, threads=self._threads, progress=progress)

    def encode_features(self, features: Vectors) -> Vectors:
        """Return unit vectors (n, dimension) of the image encoder's own vectors (n, width).

        Raises:
            ModelError: the vectors have another width than the model was trained on.
        """
        width = self.description.width
        check_features(features, width)
        if not self.description.has_heads:
            return unit(features)
        if not len(features):
            return np.zeros((0, self.dimension), np.float32)

        def project(start: int) -> Vectors:
            rows = np.ascontiguousarray(features[start : start + _HEAD_BATCH], np.float32)
            return self._run(IMAGE_HEAD, {FEATURES: rows}, VECTORS)

        starts = range(0, len(features), _HEAD_BATCH)
        return unit(np.concatenate([project(start) for start in starts]))

    def _encode_texts(self, texts: Sequence[str], output: str) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)

        def encode(batch: Sequence[str]) -> Vectors:
            return self._run(TEXT, self._reader.read(batch), output)

        return in_batches(texts, _TEXT_BATCH, encode, key=len, threads=self._threads)

    def _run(self, graph: str, arrays: dict[str, Any], output: str) -> Vectors:
        session = self._session(graph)
        missing = {one.name for one in session.get_inputs()} - arrays.keys()
        if missing:
            raise ModelError(
                f"{graph} of the model {self.name!r} takes {', '.join(sorted(missing))}, as no "
                "graph of that name does; export the model again"
            )
        inputs = {one.name: arrays[one.name] for one in session.get_inputs()}
        vectors: Vectors = session.run([output], inputs)[0]
        return vectors

    def _session(self, graph: str) -> Any:
        with self._opening:
            if graph not in self._sessions:
                self._sessions[graph] = open_graph(self._folder / graph)
            return self._sessions[graph]


def open_graph(path: Path) -> Any:
    """Return a session that computes in the thread that runs it.

    Raises:
        ModelError: the file is missing or damaged.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # its advice on graphs is for those who write them
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # Its own exceptions have no common base, and its messages begin with numbers.
        raise ModelError(f"{path} cannot be opened ({error}); export the model again") from error
