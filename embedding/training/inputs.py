"""From captions and pictures to the vectors that the heads take, whether encoders learn or not.

A frozen encoder's vectors are computed once; a trained one's anew at each step, with gradient.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from embedding.data.folds import Indices
from embedding.evaluation.recall import Embedded
from embedding.model.joint import JointEmbedding
from embedding.model.precision import autocast
from embedding.model.towers import Tower
from embedding.training.augment import cut_views
from embedding.training.batches import Batch
from embedding.training.config import TrainConfig
from embedding.training.pictures import Pixels
from embedding.training.prepare import Photographs, TrainingData

__all__ = ["FrozenImages", "Lesson", "Texts", "TunedImages", "images_of"]

_AT_ONCE = {"cpu": 32}
"""Captions of similar length that pass the text encoder at once; elsewhere 256. A processor gains
nothing by more, and there are fewer that must be padded to the longest."""
_PICTURES_AT_ONCE = 64


class Texts:
    """The text encoder's vectors of training and of held-out captions.

    Args:
        model: whose encoder.
        learned: the training captions.
        held_out: the others.
        config: the settings.
        device: where the encoder is.
    """

    def __init__(
        self,
        model: JointEmbedding,
        learned: Sequence[str],
        held_out: Sequence[str],
        config: TrainConfig,
        device: torch.device,
    ) -> None:
        self._model, self._config, self._device = model, config, device
        self._learned, self._held_out = learned, held_out
        self._lengths = self._count_tokens(learned)
        self._known: tuple[Tensor, Tensor] | None = None
        if config.train_text == "no":
            with torch.no_grad():
                known = self._encode(learned, self._lengths)
                if list(held_out) == list(learned):  # every picture is learned, and judged by
                    self._known = known, known
                else:
                    self._known = known, self._encode(held_out, self._count_tokens(held_out))

    def of(self, batch: Batch) -> Tensor:
        """Return vectors (m, width) of a batch's captions."""
        return batch.caption_mix.of(self._learned_rows)

    def _learned_rows(self, captions: Indices) -> Tensor:
        if self._known is not None:
            return self._known[0][torch.from_numpy(captions)]
        return self._encode([self._learned[i] for i in captions], self._lengths[captions])

    def held_out(self) -> Tensor:
        """Return vectors (n, width) of the held-out captions."""
        if self._known is not None:
            return self._known[1]
        return self._encode(self._held_out, self._count_tokens(self._held_out))

    def _encode(self, captions: Sequence[str], lengths: Indices) -> Tensor:
        order = np.argsort(lengths, kind="stable")
        at_once = _AT_ONCE.get(self._device.type, 256)
        found = []
        # In one context, so that it converts the weights once and not for each part.
        with autocast(self._config.precision, self._device):
            for start in range(0, len(order), at_once):
                inputs = self._model.preprocess(
                    [captions[i] for i in order[start : start + at_once]]
                )
                found.append(self._model.text.encode(_moved(inputs, self._device)).float())
        back = torch.from_numpy(np.argsort(order)).to(self._device)
        return torch.cat(found)[back]

    def _count_tokens(self, captions: Sequence[str]) -> Indices:
        """Return (n,) the tokens of each caption, so that those padded alike go together."""
        counts: list[Indices] = []
        for start in range(0, len(captions), 1024):
            inputs = self._model.preprocess(list(captions[start : start + 1024]))
            mask = inputs.get("attention_mask", inputs.get("sentence_lengths"))
            if mask is None:
                return np.array([len(caption) for caption in captions])
            counts.append((mask.sum(1) if mask.ndim == 2 else mask).numpy())
        return np.concatenate(counts)


class FrozenImages:
    """Vectors that a frozen image encoder made before.

    Args:
        learned: (views, n, width) of the training images; any of its views may be taken.
        held_out: (n, width) of the others.
        device: where they are wanted.
    """

    def __init__(self, learned: Tensor, held_out: Tensor, device: torch.device) -> None:
        self._learned, self._held_out, self._device = learned, held_out, device

    def of(self, batch: Batch) -> Tensor:
        """Return vectors (n, width) of a batch's images."""
        view = torch.from_numpy((batch.looks * len(self._learned)).astype(np.int64))
        return batch.image_mix.of(lambda images: self._learned[view, images].to(self._device))

    def held_out(self) -> Tensor:
        """Return vectors (n, width) of the held-out images."""
        return self._held_out.to(self._device)


class TunedImages:
    """Vectors of an image encoder that learns: of random views, and of whole held-out pictures.

    Args:
        image: the tower.
        photographs: the pictures.
        learned: which of them are for training.
        held_out: which are not.
        config: the settings.
        device: where the encoder is.
    """

    def __init__(
        self,
        image: Tower,
        photographs: Photographs,
        learned: Indices,
        held_out: Indices,
        config: TrainConfig,
        device: torch.device,
    ) -> None:
        self._image, self._config, self._device = image, config, device
        self._scale = photographs.scale
        self._stored, self._rows = photographs.stored, photographs.rows[learned]
        self._exact, self._exact_rows = photographs.exact, photographs.exact_rows[held_out]

    def of(self, batch: Batch) -> Tensor:
        """Return vectors (n, width) of a batch's images, each seen as the batch says."""
        side = self._config.train_size or self._scale.side

        def pixels_of(images: Indices) -> Tensor:
            return self._pixels(cut_views(self._stored[self._rows[images]], batch.views, side))

        return self._encode(batch.image_mix.of(pixels_of))

    def held_out(self) -> Tensor:
        """Return vectors (n, width) of the held-out images."""
        n = len(self._exact_rows)
        parts = np.array_split(self._exact_rows, max(1, n // _PICTURES_AT_ONCE))
        return torch.cat([self._encode(self._pixels(self._exact[part])) for part in parts])

    def _pixels(self, squares: Pixels) -> Tensor:
        return self._scale.apply(torch.from_numpy(squares).to(self._device))

    def _encode(self, pixels: Tensor) -> Tensor:
        with autocast(self._config.precision, self._device):
            return self._image.encode({"pixel_values": pixels, "modality": "image"}).float()  # type: ignore[dict-item]


class Lesson:
    """What a teacher sees in the training captions and images.

    Args:
        embedded: both in its joint space.
        device: where the numbers are wanted.
    """

    def __init__(self, embedded: Embedded, device: torch.device) -> None:
        self._texts, self._images = (
            torch.from_numpy(rows).to(device) for rows in (embedded.texts, embedded.images)
        )

    def similarities(self, batch: Batch) -> Tensor:
        """Return (m, m) cosines of a batch's captions with their images, mixed as the batch says.

        Of two in one it sees what it sees in each, without looking again.
        """
        texts, images = (
            functional.normalize(mix.of(rows.__getitem__), dim=-1)
            for mix, rows in ((batch.caption_mix, self._texts), (batch.image_mix, self._images))
        )
        return texts @ images[batch.owners].T


def images_of(
    image: Tower,
    gathered: TrainingData,
    part: tuple[Indices, Indices],
    config: TrainConfig,
    device: torch.device,
) -> FrozenImages | TunedImages:
    """Return the image encoder's vectors of the (learned, held-out) images of a fold."""
    learned, held_out = part
    photographs = gathered.photographs
    if photographs is not None:
        return TunedImages(image, photographs, learned, held_out, config, device)
    if gathered.views is None:
        raise AssertionError("there are features or photographs")
    views = torch.from_numpy(gathered.views)
    return FrozenImages(views[:, learned], views[0, held_out], device)


def _moved(inputs: dict[str, Any], device: torch.device) -> dict[str, Any]:
    return {k: v.to(device) if isinstance(v, Tensor) else v for k, v in inputs.items()}
