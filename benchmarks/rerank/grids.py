"""What frozen networks see at each place of a picture, computed once for each file's content.

A re-ranker compares the words of a caption with these places. They come from the networks as their
packages ship them: those of a trained model know the training pictures by heart, and would show
a second stage nothing that it could still learn from. They are kept like image features, in one
SQLite file a network, keyed by the sha256 of the picture's bytes.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from embedding.data.decode import ImageError, open_image
from embedding.data.pairs import Pairs, Skipped
from embedding.errors import DataError
from embedding.model.efficientnet import EfficientNetLiteImageProcessor, load_efficientnet_lite
from embedding.model.feature_cache import ArrayCache, default_cache_dir
from embedding.model.precision import autocast, best_precision
from embedding.progress import Progress, silent

__all__ = ["GridEncoder", "GridSource", "Grids", "extract_grids"]

Places = NDArray[np.float16]
"""(n, places, width): what is seen at each place of each picture."""

_BATCH = 16


class GridSource(Protocol):
    """Pictures as grids, read when they are wanted; an array (n, places, width) is one too."""

    def __len__(self) -> int:
        """Return the number of pictures."""

    def __getitem__(self, rows: Any, /) -> Any:
        """Return the grids (m, places, width) of some pictures."""


class GridEncoder:
    """One of the EfficientNet-Lite networks, as shipped, looking at whole pictures.

    Args:
        network: ``efficientnet-lite0``, ``-lite1`` or ``-lite2``.
        size: side in pixels of the square that the picture is resized to.
        side: places along each side of the grid; the last feature map is averaged down to it.

    Raises:
        ModelError: the package with the weights is missing.
    """

    def __init__(self, network: str, size: int, side: int) -> None:
        self._network = load_efficientnet_lite(network, image_size=size)
        self._processor = EfficientNetLiteImageProcessor(size, "squash")
        self._side = side

    def encode(self, images: Sequence[Image.Image]) -> Places:
        """Return (n, side x side, 1280), row by row from the top left."""
        pixels = self._processor.preprocess(images)["pixel_values"]
        with torch.inference_mode(), autocast():
            states = self._network(pixels).last_hidden_state
        side = round(states.shape[1] ** 0.5)
        square = states.float().mT.unflatten(2, (side, side))
        pooled = functional.adaptive_avg_pool2d(square, self._side)
        places: Places = pooled.flatten(2).mT.numpy().astype(np.float16)
        return places


class Grids:
    """The grids of a data set's readable pictures, on disk.

    Args:
        stores: one for each network; their channels stand side by side.
        keys: (n,) the sha256 of each picture.
        kept: (n,) which pictures of the data set they are.
        skipped: the others, and why.
        places: of a grid.
    """

    def __init__(
        self,
        stores: Sequence["_Store"],
        keys: Sequence[bytes],
        kept: NDArray[np.int64],
        skipped: Sequence[Skipped],
        places: int,
    ) -> None:
        self._stores, self._keys, self._places = stores, keys, places
        self.kept, self.skipped = kept, skipped

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, rows: NDArray[np.int64]) -> Places:
        keys = [self._keys[i] for i in rows]
        return np.concatenate([store.read(keys, self._places) for store in self._stores], axis=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        for store in self._stores:
            store.close()


def extract_grids(
    pairs: Pairs,
    networks: Sequence[str],
    size: int,
    side: int,
    *,
    cache_dir: Path | None = None,
    progress: Progress = silent,
) -> Grids:
    """Return what networks see at each place of all readable pictures; a context manager.

    Args:
        pairs: the data set; it must have image files.
        networks: names of ``GridEncoder``.
        size: side of their input, in pixels.
        side: places along each side of the grid.
        cache_dir: where grids are kept between runs; None means ``default_cache_dir()``.
        progress: told about the pictures done.

    Raises:
        DataError: there are no image files, or none can be read.
        ModelError: a network cannot be had.
    """
    if pairs.image_paths is None:
        raise DataError(
            f"{pairs.name} has features and no image files; a re-ranker looks at places of the "
            "pictures themselves, so give data with pictures"
        )
    paths = pairs.image_paths
    directory = cache_dir or default_cache_dir()
    stores = [_Store(directory, network, size, side) for network in networks]
    keys: dict[int, bytes] = {}
    skipped: list[Skipped] = []
    for start in range(0, len(paths), _BATCH):
        stop = min(start + _BATCH, len(paths))
        missing: list[dict[bytes, Image.Image]] = [{} for _ in stores]
        for i in range(start, stop):
            try:
                data = paths[i].read_bytes()
                key = hashlib.sha256(data).digest()
                lacking = [n for n, store in enumerate(stores) if store.lookup(key) is None]
                picture = open_image(data) if lacking else None
            except (ImageError, OSError) as error:
                skipped.append(Skipped(pairs.image_ids[i], str(error)))
                continue
            keys[i] = key
            if picture is not None:
                for n in lacking:
                    missing[n][key] = picture
        for store, pictures in zip(stores, missing, strict=True):
            store.fill(pictures)
        progress(stop, len(paths), "extracting grids")
    if not keys:
        for store in stores:
            store.close()
        raise DataError(
            f"none of the {len(paths)} pictures of {pairs.name} can be read "
            f"({skipped[0].what}: {skipped[0].why})"
        )
    kept = np.array(sorted(keys), dtype=np.int64)
    return Grids(stores, [keys[i] for i in kept], kept, skipped, side * side)


class _Store(ArrayCache):
    """One network's grids on disk; the network is loaded when a picture is new to it."""

    def __init__(self, directory: Path, network: str, size: int, side: int) -> None:
        name = f"grids-{network}-{size}-{side}-{best_precision()}.sqlite"
        super().__init__(directory / name, np.float16)
        self._settings = (network, size, side)
        self._encoder: GridEncoder | None = None

    def fill(self, pictures: Mapping[bytes, Image.Image]) -> None:
        """Encode and keep pictures by their sha256."""
        if not pictures:
            return
        if self._encoder is None:
            self._encoder = GridEncoder(*self._settings)
        grids = self._encoder.encode(list(pictures.values()))
        self.store({key: grid[None] for key, grid in zip(pictures, grids, strict=True)})

    def read(self, keys: Sequence[bytes], places: int) -> Places:
        """Return (n, places, width) of pictures that are there."""
        rows = [self.lookup(key) for key in keys]
        return np.stack([row.reshape(places, -1) for row in rows if row is not None])
