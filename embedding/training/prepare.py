"""What training works on: pairs, their division, and each picture's features or pixels."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding.data.folds import Indices, folds
from embedding.data.pairs import Pairs, Skipped, load_pairs
from embedding.errors import DataError, ModelError, TrainingError
from embedding.evaluation.recall import Embedded, embed_pairs
from embedding.model.encoder import JointEncoder
from embedding.model.feature_cache import default_cache_dir, extract_features
from embedding.model.joint import JointEmbedding
from embedding.model.take_apart import encoders_of_network, towers_of
from embedding.model.towers import Tower, feature_tower, image_tower
from embedding.onnx.description import is_exported
from embedding.onnx.encoder import all_cores, load_encoder
from embedding.onnx.export import export_model
from embedding.pretrained.names import find_exported, load_model
from embedding.progress import Progress
from embedding.training.augment import ROOM
from embedding.training.config import TrainConfig
from embedding.training.pictures import Pixels, PixelScale, store_pictures

__all__ = ["Photographs", "TrainingData", "divide", "gather"]

logger = logging.getLogger(__name__)

_FEW = 300
"""So many pictures torch has looked at in the seconds that it takes to write a graph."""


@dataclass(frozen=True, eq=False)
class Photographs:
    """Pictures for an image tower that is trained.

    Attributes:
        scale: how the tower takes pixels.
        stored: the pictures, larger than its input, to cut views from.
        rows: (n_images,) where each is in ``stored``.
        exact: those that a fold holds out, at the size of its input.
        exact_rows: (n_images,) where each is in ``exact``; -1 for those never held out.
    """

    scale: PixelScale
    stored: Pixels
    rows: Indices
    exact: Pixels
    exact_rows: Indices


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Everything a training loop reads.

    Attributes:
        pairs: all images that could be read and have captions.
        parts: (train, dev) image indices, one pair a fold.
        views: (views, n_images, width) image features, for an encoder that stays frozen.
        photographs: the pictures themselves, for one that is trained.
        image: the image tower; its head is not used.
        skipped: what was left out, and why.
        lessons: for each part the teacher's vectors of what is learned in it; none without one.
    """

    pairs: Pairs
    parts: list[tuple[Indices, Indices]]
    views: NDArray[np.float32] | None
    photographs: Photographs | None
    image: Tower
    skipped: list[Skipped]
    lessons: Sequence[Embedded] = ()


def gather(
    data: Pairs | str, config: TrainConfig, *, cache_dir: Path | None, progress: Progress
) -> TrainingData:
    """Load, divide and look at the data; ask the teacher, where there is one.

    Raises:
        DataError: the data cannot be used.
        ModelError: the teacher cannot be had, or does not fit the data.
        TrainingError: there are no captions, too few images for the division, or settings that
            need others.
    """
    if config.network and not config.start_from:
        raise TrainingError(
            f"network is {config.network!r}, but no model is named to take it from; "
            "set start_from too"
        )
    if config.mixup and not config.teacher:
        raise TrainingError(
            f"mixup is {config.mixup}, but no caption is right for two pictures in one, and only "
            "a teacher says how nearly each fits; set teacher too"
        )
    gathered = _look_at(data, config, cache_dir=cache_dir, progress=progress)
    if not config.teacher:
        return gathered
    teacher = load_encoder(find_exported(config.teacher), threads=all_cores())
    lessons = [
        embed_pairs(teacher, gathered.pairs.subset(learned), cache_dir=cache_dir, progress=progress)
        for learned, _ in gathered.parts
    ]
    return replace(gathered, lessons=lessons)


def _look_at(
    data: Pairs | str, config: TrainConfig, *, cache_dir: Path | None, progress: Progress
) -> TrainingData:
    pairs, parts = divide(data, config, progress)
    if pairs.features is not None:
        if config.train_image == "yes":
            raise TrainingError(
                f"{pairs.name} has features and no pictures to train an image tower on; "
                'set train_image = "no"'
            )
        image = feature_tower(pairs.features.shape[1], config.dimension)
        return TrainingData(pairs, parts, pairs.features[None], None, image, pairs.skipped)
    image = _image_tower(config)
    directory = cache_dir or default_cache_dir()
    if config.train_image == "yes":
        return _with_photographs(pairs, parts, image, config, directory, progress)
    # Looking at pictures needs no text side.
    towers = JointEmbedding.from_towers(
        feature_tower(1, config.dimension), image, name=config.image_tower
    )
    encoder = _quicker(towers, len(pairs.image_ids), directory)
    found = extract_features(
        encoder, pairs, mirrored=config.mirrored, cache_dir=directory, progress=progress
    )
    skipped = [*pairs.skipped, *found.skipped]
    pairs, parts = _readable(pairs, parts, found.kept)
    return TrainingData(pairs, parts, found.vectors, None, image, skipped)


def _quicker(towers: JointEmbedding, pictures: int, directory: Path) -> JointEncoder:
    """Return what looks at many pictures quicker than torch, if the encoder can be exported."""
    graphs = directory / "graphs" / towers.image_fingerprint
    if pictures <= _FEW:
        return towers
    if not is_exported(graphs):
        try:
            export_model(towers, graphs)
        except ModelError as error:
            logger.info("%s; its features are computed in torch", error)
            return towers
    return load_encoder(graphs, threads=all_cores())


def _image_tower(config: TrainConfig) -> Tower:
    if config.network:
        _, encoder = encoders_of_network(
            load_model(config.start_from), config.network, image_size=config.image_size
        )
        head = feature_tower(encoder[-1].get_embedding_dimension(), config.dimension)
        return replace(head, encoder=encoder)
    if config.start_from:
        return towers_of(load_model(config.start_from))[1]
    return image_tower(
        config.image_tower,
        config.dimension,
        hidden=0,
        dropout=0.0,
        fit=config.fit,
        image_size=config.image_size,
    )


def _with_photographs(
    pairs: Pairs,
    parts: list[tuple[Indices, Indices]],
    image: Tower,
    config: TrainConfig,
    directory: Path,
    progress: Progress,
) -> TrainingData:
    if pairs.image_paths is None:
        raise DataError(f"{pairs.name} has no image files to train an image tower on")
    scale = PixelScale.measured(image, config.image_tower)
    side = round(scale.side * ROOM)
    stored = store_pictures(pairs.image_paths, side, scale.fit, directory, progress)
    skipped = [*pairs.skipped, *stored.skipped(pairs.image_ids)]
    files = [pairs.image_paths[i] for i in stored.kept]
    pairs, parts = _readable(pairs, parts, stored.kept)
    held_out = np.unique(np.concatenate([held for _, held in parts]))
    paths = [files[i] for i in held_out]
    exact = store_pictures(paths, scale.side, scale.fit, directory, progress)
    exact_rows = np.full(len(pairs.image_ids), -1)
    exact_rows[held_out] = np.arange(len(held_out))
    photographs = Photographs(scale, stored.squares, stored.kept, exact.squares, exact_rows)
    return TrainingData(pairs, parts, None, photographs, image, skipped)


def _readable(
    pairs: Pairs, parts: list[tuple[Indices, Indices]], kept: Indices
) -> tuple[Pairs, list[tuple[Indices, Indices]]]:
    """Return pairs and their division without the pictures that cannot be read."""
    if len(kept) < len(pairs.image_ids):
        place = {int(old): new for new, old in enumerate(kept)}
        pairs = pairs.subset(kept)
        parts = [(_moved(learned, place), _moved(held, place)) for learned, held in parts]
    if not all(len(learned) and len(held) for learned, held in parts):
        raise TrainingError(f"{pairs.name}: too few pictures can be read to divide them")
    return pairs, parts


def _moved(indices: Indices, place: dict[int, int]) -> Indices:
    return np.array([place[int(i)] for i in indices if int(i) in place], dtype=np.int64)


def divide(
    data: Pairs | str, config: TrainConfig, progress: Progress
) -> tuple[Pairs, list[tuple[Indices, Indices]]]:
    """Return the data and the (train, dev) image indices of each fold, or of the one run.

    Raises:
        DataError: the data cannot be used.
        TrainingError: there are no captions, or nothing is held out to judge by.
    """
    if config.folds or config.train_on == "all" or isinstance(data, Pairs):
        pairs = data if isinstance(data, Pairs) else _load(data, None, config, progress)
        pairs = _with_captions(pairs)
        n = len(pairs.image_ids)
        everything = np.arange(n)
        if config.folds:
            return pairs, list(folds(n, config.folds, seed=config.seed))
        if config.train_on == "all":
            return pairs, [(everything, everything)]
        dev = np.sort(np.random.default_rng(config.seed).permutation(n)[: max(1, n // 10)])
        return pairs, [(np.setdiff1d(everything, dev), dev)]
    learned = _with_captions(_load(data, "train", config, progress))
    held_out = _with_captions(_load(data, "dev", config, progress))
    pairs = _join(learned, held_out)
    border = len(learned.image_ids)
    return pairs, [(np.arange(border), np.arange(border, len(pairs.image_ids)))]


def _load(spec: str, split: str | None, config: TrainConfig, progress: Progress) -> Pairs:
    try:
        # With folds the official train split alone is divided; the others are left for judging.
        split = "train" if config.folds and spec.startswith(("flickr", "karpathy")) else split
        return load_pairs(spec, split, progress=progress)
    except DataError as error:
        if split == "dev":
            raise TrainingError(f'{error}; set train_on = "all" to learn every picture') from error
        raise


def _join(first: Pairs, second: Pairs) -> Pairs:
    n = len(first.image_ids)
    return Pairs(
        name=first.name,
        image_ids=[*first.image_ids, *second.image_ids],
        captions=[*first.captions, *second.captions],
        caption_to_image=np.concatenate([first.caption_to_image, second.caption_to_image + n]),
        image_paths=(
            None
            if first.image_paths is None or second.image_paths is None
            else [*first.image_paths, *second.image_paths]
        ),
        features=(
            None
            if first.features is None or second.features is None
            else np.concatenate([first.features, second.features])
        ),
        skipped=first.skipped,
        attribution=first.attribution,
    )


def _with_captions(pairs: Pairs) -> Pairs:
    named = np.unique(pairs.caption_to_image)
    if not len(named):
        raise TrainingError(f"{pairs.name} has no captions to learn from; add captions.csv")
    return pairs if len(named) == len(pairs.image_ids) else pairs.subset(named)
