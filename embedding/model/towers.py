"""Text and image towers: an encoder and a head each, made of stock sentence-transformers modules.

The head is a one-layer residual network, ``W2 (R x + gelu(W1 x))``, which stock ``Dense`` modules
express without code of our own; what is saved therefore loads with no trust flag.
"""

import string
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Module
from sentence_transformers.sentence_transformer.modules import (
    LSTM,
    Dense,
    Dropout,
    Normalize,
    Pooling,
    Transformer,
    WordEmbeddings,
)
from sentence_transformers.sentence_transformer.modules.tokenizer import WhitespaceTokenizer
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import logging as transformers_logging

from embedding.errors import ModelError
from embedding.model.efficientnet import (
    EfficientNetLiteImageProcessor,
    EfficientNetLiteModel,
    is_efficientnet_lite,
    load_efficientnet_lite,
)
from embedding.packages import find_model

__all__ = [
    "Tower",
    "as_module",
    "as_picture_module",
    "build_head",
    "feature_tower",
    "image_tower",
    "load_modules",
    "lstm_tower",
    "on_encoder",
    "quiet_transformers",
    "text_tower",
]

_PADDING = "[pad]"
_PADDED_TO_THE_END = {"siglip", "siglip2"}


@dataclass
class Tower:
    """One modality's way into the joint space.

    Attributes:
        encoder: modules from the raw input to one vector of ``width`` numbers; empty when the
            input is that vector already (precomputed features).
        head: modules from there to the joint space, before normalisation.
        width: size of the encoder's vector.
    """

    encoder: list[Module]
    head: list[Module]
    width: int

    def encode(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return the encoder's vectors (n, width) of preprocessed inputs."""
        features = dict(inputs)
        for module in self.encoder:
            features = module(features)
        return features["sentence_embedding"]

    def project(self, vectors: Tensor) -> Tensor:
        """Return joint vectors (n, dimension), not normalised, of encoder vectors (n, width)."""
        features = {"sentence_embedding": vectors}
        for module in self.head:
            features = module(features)
        return features["sentence_embedding"]


def text_tower(name: str, dimension: int, *, hidden: int, dropout: float) -> Tower:
    """Return a tower over a sentence-transformers or plain transformers text model.

    Args:
        name: ``minilm``, a hub name, or a local directory.
        dimension: size of the joint space.
        hidden: size of the head's hidden layer.
        dropout: share of hidden values dropped in training, in [0, 1).

    Raises:
        ModelError: there is no such model, or it does not read text.
    """
    path = find_model(name)
    try:
        with quiet_transformers():
            encoder: list[Any] = list(
                SentenceTransformer(str(path), device="cpu", local_files_only=True)
            )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(f"{name!r} cannot be loaded as a text model: {error}") from error
    if "text" not in getattr(encoder[0], "modalities", ["text"]):
        raise ModelError(f"{name!r} does not read text; choose a sentence-transformers text model")
    # The head sees the vector before normalisation: its length says how specific a text is.
    while isinstance(encoder[-1], Normalize):
        encoder.pop()
    return on_encoder(encoder, dimension, hidden=hidden, dropout=dropout, name=name)


def on_encoder(
    encoder: list[Any], dimension: int, *, hidden: int, dropout: float, name: str = "text encoder"
) -> Tower:
    """Return a tower over a text encoder with a head that keeps its similarities at first.

    Args:
        encoder: its modules.
        dimension: size of the joint space.
        hidden: size of the head's hidden layer.
        dropout: share of hidden values dropped in training, in [0, 1).
        name: what people call it.

    Raises:
        ModelError: it does not say how long its vectors are.
    """
    width = _width(encoder, name)
    head = build_head(width, dimension, hidden=hidden, dropout=dropout)
    _start_as_isometry(head)
    return Tower(encoder, head, width)


def lstm_tower(
    captions: Sequence[str],
    dimension: int,
    *,
    words: int = 300,
    hidden: int = 512,
    min_count: int = 1,
    dropout: float = 0.0,
) -> Tower:
    """Return a tower with an LSTM over a vocabulary learned from ``captions``.

    The dictionary, saved beside the module, holds the words seen at least ``min_count`` times,
    stop words included. Unknown words are left out, as the stock tokenizer does; all texts of
    unknown words only share one vector, the head's bias.

    Args:
        captions: the training captions, and no others.
        dimension: size of the joint space.
        words: size of a word vector.
        hidden: size of the LSTM's state.
        min_count: how often a word must have been seen.
        dropout: share of sentence values dropped in training.
    """
    counts: dict[str, int] = {}
    for caption in captions:
        for word in caption.lower().split():
            stripped = word.strip(string.punctuation)
            if stripped:
                counts[stripped] = counts.get(stripped, 0) + 1
    # Position 0 is what shorter captions are padded with; it is masked out, and no text says it.
    vocabulary = [_PADDING, *sorted(w for w, n in counts.items() if n >= min_count)]
    tokenizer = WhitespaceTokenizer(vocabulary, stop_words=(), do_lower_case=True)
    weights = torch.empty(len(vocabulary), words).uniform_(-0.1, 0.1)
    encoder: list[Module] = [
        WordEmbeddings(tokenizer, weights, update_embeddings=True, max_seq_length=100),
        LSTM(words, hidden, bidirectional=False),
        # The state after the last word, not after the padding.
        Pooling(hidden, pooling_mode="lasttoken"),
    ]
    head: list[Module] = [Dropout(dropout), Dense(hidden, dimension, activation_function=None)]
    return Tower(encoder, head, hidden)


def image_tower(
    name: str,
    dimension: int,
    *,
    hidden: int,
    dropout: float,
    fit: str = "crop",
    image_size: int = 0,
) -> Tower:
    """Return a tower over EfficientNet-Lite or any transformers vision backbone.

    Args:
        name: ``efficientnet-lite0``, ``-lite1``, ``-lite2``, several joined by ``+``, a hub name,
            or a local directory.
        dimension: size of the joint space.
        hidden: size of the head's hidden layer.
        dropout: share of hidden values dropped in training, in [0, 1).
        fit: how EfficientNet-Lite sees a picture that is no square: crop or squash.
        image_size: side of EfficientNet-Lite's input in pixels; 0 means what it was trained on.

    Raises:
        ModelError: there is no such model, or it does not read images.
    """
    if is_efficientnet_lite(name):
        backbone = as_picture_module(load_efficientnet_lite(name, image_size=image_size), fit)
    else:
        path = str(find_model(name))
        try:
            with quiet_transformers():
                backbone = Transformer(path, config_kwargs={"local_files_only": True})
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise ModelError(f"{name!r} cannot be loaded as an image model: {error}") from error
    if "image" not in backbone.modalities:
        raise ModelError(f"{name!r} does not read images; choose a vision backbone")
    encoder: list[Module] = [backbone]
    if backbone.module_output_name != "sentence_embedding":
        encoder.append(Pooling(backbone.get_embedding_dimension(), pooling_mode="mean"))
    width = _width(encoder, name)
    return Tower(encoder, build_head(width, dimension, hidden=hidden, dropout=dropout), width)


def as_picture_module(network: EfficientNetLiteModel, fit: str) -> Transformer:
    """Return a copy of EfficientNet-Lite as a module that takes pictures.

    Args:
        network: of any size and variant.
        fit: how it sees a picture that is no square: crop or squash.
    """
    with tempfile.TemporaryDirectory() as scratch, quiet_transformers():
        network.save_pretrained(scratch)
        EfficientNetLiteImageProcessor(network.config.image_size, fit).save_pretrained(scratch)
        module: Transformer = Transformer(scratch, config_kwargs={"local_files_only": True})
        return module


def as_module(model: PreTrainedModel, reader: Transformer) -> Transformer:
    """Return a copy of a transformers model as a module that prepares its input as another does."""
    with tempfile.TemporaryDirectory() as scratch, quiet_transformers():
        model.save_pretrained(scratch)
        reader.processor.save_pretrained(scratch)
        module: Transformer = Transformer(
            scratch,
            config_kwargs={"local_files_only": True},
            processing_kwargs=reader.processing_kwargs,
            max_seq_length=reader.max_seq_length,
            do_lower_case=reader.do_lower_case,
        )
        return module


def feature_tower(width: int, dimension: int, *, hidden: int = 0, dropout: float = 0.0) -> Tower:
    """Return a tower whose inputs are precomputed vectors of ``width`` numbers."""
    return Tower([], build_head(width, dimension, hidden=hidden, dropout=dropout), width)


def build_head(width: int, dimension: int, *, hidden: int, dropout: float) -> list[Module]:
    """Return the modules from ``width`` to ``dimension``; ``hidden`` 0 makes it linear."""
    if hidden == 0:
        return [Dropout(dropout), Dense(width, dimension, activation_function=None)]
    return [
        Dense(width, hidden, activation_function=nn.GELU(), use_residual=True),
        Dropout(dropout),
        Dense(hidden, dimension, activation_function=None),
    ]


def _start_as_isometry(head: list[Module]) -> None:
    """Let a head keep, at first, the similarities that the encoder sees.

    A pretrained text encoder knows more about sentences than the captions can teach, so training
    starts from its geometry: the hidden layer adds nothing yet, and the last one only rotates.
    """
    layers = [module for module in head if isinstance(module, Dense)]
    for layer in layers[:-1]:
        if layer.in_features == layer.out_features:
            nn.init.zeros_(layer.linear.weight)
            nn.init.zeros_(layer.linear.bias)
    nn.init.orthogonal_(layers[-1].linear.weight)
    nn.init.zeros_(layers[-1].linear.bias)


def load_modules(path: Path) -> SentenceTransformer:
    """Return the modules of a model directory, ready to read texts as it was trained to.

    Raises:
        ModelError: it cannot be loaded.
    """
    try:
        with quiet_transformers():
            model = SentenceTransformer(str(path), device="cpu", local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ModelError(f"the model {path} cannot be loaded: {error}") from error
    _pad_as_trained(model)
    return model


def _pad_as_trained(model: nn.Module) -> None:
    """Let SigLIP's text sides pad every text to their full length, as they were trained.

    They take a text's vector from its last place. Padded only to the longest text of a batch, as
    sentence-transformers does, a text's vector would be another one in every company.
    """
    for module in model.modules():
        settings = getattr(getattr(module, "config", None), "text_config", None)
        length = getattr(settings, "max_position_embeddings", None)
        if not isinstance(module, Transformer) or not length:
            continue
        if module.config.model_type in _PADDED_TO_THE_END:
            processing = dict(module.processing_kwargs or {})
            text = {"padding": "max_length", "max_length": length, **processing.get("text", {})}
            module.processing_kwargs = {**processing, "text": text}


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' own progress bars off the terminal while a model is read or written."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _width(encoder: list[Module], name: str) -> int:
    for module in reversed(encoder):
        for getter in ("get_embedding_dimension", "get_sentence_embedding_dimension"):
            if hasattr(module, getter):
                return int(getattr(module, getter)())
    raise ModelError(f"{name!r} does not say how long its vectors are")
