"""JointEmbedding: one trained model, from text and images to unit vectors in one space.

On disk it is a plain sentence-transformers directory (``import embedding.model.joint;
SentenceTransformer(path)`` loads it, with no trust flag) with ``showtell.json`` beside it.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Router
from torch import nn

import embedding.model.efficientnet
import embedding.model.ensemble  # noqa: F401 - both register with transformers, before anything is loaded
from embedding.errors import ModelError
from embedding.model.encoder import check_features, reads_no_pictures
from embedding.model.files import FORMAT, hash_modules, read_info, replaced_directory, write_info
from embedding.model.inputs import read_images, read_texts
from embedding.model.precision import autocast, best_precision
from embedding.model.towers import Tower, load_modules, quiet_transformers
from embedding.model.vectors import Vectors, in_batches, unit
from embedding.model.vocabulary import words_of
from embedding.packages import find_model, is_local
from embedding.progress import Progress, silent

__all__ = ["JointEmbedding"]

_TEXT_BATCH = 64
_IMAGE_BATCH = 16


class JointEmbedding:
    """A text tower and an image tower into one L2-normalised space.

    Encoding is safe from several threads at once: only the tokenizer, which is not, is guarded.

    Args:
        model: a sentence-transformers model that reads text and images (or feature vectors).
        name: what people call it.
        info: the contents of showtell.json; empty for a foreign model.
        directory: where it was loaded from, if it was.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        name: str,
        info: Mapping[str, object] | None = None,
        directory: Path | None = None,
    ) -> None:
        self._model = model.eval()
        self._tokenizing = threading.Lock()
        self.name = name
        self.directory = directory
        self.info: dict[str, Any] = dict(info or {})

    @classmethod
    def from_towers(cls, text: Tower, image: Tower, *, name: str) -> "JointEmbedding":
        """Join two towers of one dimension into a model."""
        router = Router(
            {"text": [*text.encoder, *text.head], "image": [*image.encoder, *image.head]},
            route_mappings={(None, "text"): "text", (None, "image"): "image"},
        )
        model = SentenceTransformer(modules=[router, Normalize()], device="cpu")
        towers = {"text": len(text.encoder), "image": len(image.encoder)}
        return cls(model, name, {"encoder_modules": towers, "image_width": image.width})

    @classmethod
    def load(cls, path_or_name: str | Path) -> "JointEmbedding":
        """Return a model saved by ``save``, or any other that reads text and images.

        That is a sentence-transformers model, or a transformers one such as CLIP or SigLIP. A
        path is never looked up on the hub, and no code of the model's own is run. A training
        run's directory stands for the model in it.

        Raises:
            ModelError: it does not exist, cannot be read, or does not encode text and images.
        """
        local = is_local(path_or_name)
        path = find_model(str(path_or_name))
        if not (path / "modules.json").is_file() and (path / "model" / "modules.json").is_file():
            path = path / "model"  # a training run's directory stands for its model
        info = read_info(path)
        if local and not any((path / name).is_file() for name in ("modules.json", "config.json")):
            raise ModelError(
                f"{path} is not a model: it has neither modules.json (sentence-transformers) nor "
                "config.json (transformers); give the directory that `showtell train` wrote"
            )
        model = cls(load_modules(path), str(info.get("name", Path(path_or_name).name)), info, path)
        missing = [modality for modality in ("image", "text") if not model._reads(modality)]
        if missing and not model.is_ours:
            raise ModelError(
                f"{path_or_name} does not encode {' or '.join(missing)}; "
                "a model that reads both text and images is needed"
            )
        return model

    def save(self, directory: Path, info: Mapping[str, object]) -> None:
        """Write the model and showtell.json as a whole or not at all; what was there is replaced.

        Args:
            directory: where to; its parents are made.
            info: training settings, data set and metrics, as JSON values.
        """
        packages = ("torch", "sentence-transformers", "transformers")
        own = {"format": FORMAT, "name": self.name, "dimension": self.dimension}
        versions = {package: version(package) for package in packages}
        self.info = {**self.info, **own, "versions": versions, **info}
        with replaced_directory(directory) as scratch, quiet_transformers():
            self._model.save(str(scratch), create_model_card=False)
            write_info(scratch, self.info)

    @cached_property
    def dimension(self) -> int:
        """Length of every vector."""
        declared = self._model.get_embedding_dimension()
        return int(declared) if declared else self.encode_text(["a"]).shape[1]

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the weights, the architecture and the vocabulary: 16 hex digits."""
        return hash_modules([self._model], str(self._model.truncate_dim))

    @cached_property
    def image_fingerprint(self) -> str:
        """Hash of what decides the image encoder's own vectors, for caching them."""
        return hash_modules(self.image.encoder) if self.is_ours else self.fingerprint

    @cached_property
    def known_words(self) -> frozenset[str]:
        """The words that its text encoder knows as they are spelled, lower-cased."""
        return words_of(self._model)

    @property
    def image_precision(self) -> str:
        """In which arithmetic image features are computed."""
        return best_precision()

    @property
    def is_ours(self) -> bool:
        """Whether it was built here, and so has two towers that can be taken apart."""
        return "encoder_modules" in self.info

    @property
    def reads_texts(self) -> bool:
        """Whether texts can be encoded; a model that only looks at pictures cannot."""
        return self._reads("text")

    @property
    def reads_images(self) -> bool:
        """Whether images can be encoded; otherwise the image side takes feature vectors."""
        return self._reads("image")

    def _reads(self, modality: str) -> bool:
        if self.is_ours:
            return bool(self.info["encoder_modules"][modality])
        return modality in self._model.modalities

    @property
    def text(self) -> Tower:
        """The text tower of a model of ours; its modules are shared, not copied."""
        return self._tower("text")

    @property
    def image(self) -> Tower:
        """The image tower of a model of ours; its modules are shared, not copied."""
        return self._tower("image")

    @property
    def module(self) -> nn.Module:
        """The torch module, for training and for export."""
        return self._model

    def preprocess(self, inputs: Sequence[str] | Sequence[Image.Image]) -> dict[str, Any]:
        """Return the tensors that the towers take; texts are texts, whatever they look like."""
        if inputs and isinstance(inputs[0], str):
            with self._tokenizing:
                return read_texts(self._model, [str(text) for text in inputs])
        pictures = [image for image in inputs if isinstance(image, Image.Image)]
        return read_images(self._model, pictures)

    def encode_text(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors (n, dimension) of texts.

        A text that looks like an address or a path is encoded as the text it is, and never
        fetched or opened.
        """
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return unit(self._encode(texts, _TEXT_BATCH, self._joint, key=len))

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

        A foreign model has no such point: there they are the joint vectors.

        Raises:
            ModelError: as ``encode_images``.
        """
        if not self.reads_images:
            raise reads_no_pictures(self.name)
        run = self.image.encode if self.is_ours else self._joint

        def encode(inputs: dict[str, Any]) -> torch.Tensor:
            with autocast():
                return run(inputs)

        if not images:
            width = self.image.width if self.is_ours else self.dimension
            return np.zeros((0, width), dtype=np.float32)
        return self._encode(images, _IMAGE_BATCH, encode, progress=progress)

    def encode_features(self, features: Vectors) -> Vectors:
        """Return unit vectors (n, dimension) of the image encoder's own vectors (n, width).

        This is the way in for models trained on precomputed features, and for cached ones.

        Raises:
            ModelError: the vectors have another width than the model was trained on.
        """
        if not self.is_ours:
            return unit(features)
        width = self.image.width
        check_features(features, width)
        with torch.inference_mode():
            vectors = self.image.project(torch.from_numpy(np.ascontiguousarray(features)))
        return unit(vectors.numpy())

    def encode_sentences(self, texts: Sequence[str]) -> Vectors:
        """Return unit vectors (n, m) of the text encoder alone, before the joint projection.

        They keep what the pretrained encoder knows about sentences, for understanding intents.
        A foreign model has no such point: there it is the text vector itself.
        """
        if not self.is_ours or not texts:
            return self.encode_text(texts)
        return unit(self.encode_text_features(texts))

    def encode_text_features(self, texts: Sequence[str]) -> Vectors:
        """Return the text encoder's own vectors (n, m) of a model of ours, at least one text.

        Unlike ``encode_sentences`` they keep their length, which the projection looks at.

        Raises:
            ModelError: a foreign model has no such point.
        """
        return self._encode(texts, _TEXT_BATCH, self.text.encode, key=len)

    def _joint(self, inputs: dict[str, Any]) -> torch.Tensor:
        vectors: torch.Tensor = self._model(inputs)["sentence_embedding"]
        return vectors[:, : self._model.truncate_dim]

    def _encode(
        self,
        items: Sequence[Any],
        batch_size: int,
        run: Callable[[dict[str, Any]], torch.Tensor],
        *,
        key: Callable[[Any], int] | None = None,
        progress: Progress = silent,
    ) -> Vectors:
        def encode(batch: Sequence[Any]) -> Vectors:
            inputs = self.preprocess(batch)
            with torch.inference_mode():
                return run(inputs).float().numpy()

        return in_batches(items, batch_size, encode, key=key, progress=progress)

    def _tower(self, modality: str) -> Tower:
        split = self.info.get("encoder_modules", {}).get(modality)
        if split is None:
            raise ModelError(f"{self.name!r} is a foreign model; it has no towers to take apart")
        router: Any = self._model[0]
        modules = list(router.sub_modules[modality])
        width = self.info["image_width"] if modality == "image" else 0
        return Tower(modules[:split], modules[split:], width)
