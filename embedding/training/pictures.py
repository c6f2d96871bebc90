"""Pictures decoded once: small squares in one file on disk, for training an image tower.

Decoding a photograph takes longer than looking at it; an epoch must not do it again.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from embedding.data.decode import ImageError, ImageFile, open_image
from embedding.data.pairs import Skipped
from embedding.errors import DataError, TrainingError
from embedding.model.squares import square
from embedding.model.towers import Tower
from embedding.progress import Progress, silent

__all__ = ["PixelScale", "Pixels", "StoredPictures", "store_pictures"]

Pixels = NDArray[np.uint8]
"""Squares (n, side, side, 3) in RGB."""


@dataclass(frozen=True, eq=False)
class StoredPictures:
    """Squares of all readable pictures of a list.

    Attributes:
        squares: (n, side, side, 3), mapped from the file; those of unreadable ones are black.
        kept: indices of the pictures that could be read.
        why: for each of the others, what is wrong with it.
    """

    squares: Pixels
    kept: NDArray[np.int64]
    why: dict[int, str]

    def skipped(self, names: Sequence[str]) -> list[Skipped]:
        """Return the unreadable pictures under their names."""
        return [Skipped(names[i], why) for i, why in self.why.items()]


@dataclass(frozen=True)
class PixelScale:
    """How an image processor turns bytes into numbers: ``x * factor + offset`` for each channel.

    Attributes:
        side: of the square that the encoder takes, in pixels.
        fit: crop or squash: how a picture becomes that square.
        factor: three numbers.
        offset: three numbers.
    """

    side: int
    fit: str
    factor: tuple[float, ...]
    offset: tuple[float, ...]

    @classmethod
    def measured(cls, image: Tower, name: str) -> "PixelScale":
        """Return it by showing black and white to the tower's processor, whatever that is.

        Raises:
            TrainingError: the tower takes no square of three channels.
        """
        reader: Any = image.encoder[0] if image.encoder else None
        shades = [Image.new("RGB", (512, 512), shade) for shade in ("black", "white")]
        pixels = reader.preprocess(shades).get("pixel_values") if reader is not None else None
        if pixels is None or pixels.ndim != 4 or pixels.shape[1] != 3:
            raise TrainingError(
                f"the image tower {name!r} takes no squares of pixels, so it cannot be trained "
                'here; set train_image = "no"'
            )
        black, white = pixels.double().mean(dim=(2, 3))
        fit = getattr(reader.processor, "fit", None)
        if fit is None:
            fit = "crop" if getattr(reader.processor, "do_center_crop", False) else "squash"
        return cls(
            int(pixels.shape[-1]),
            fit,
            tuple(((white - black) / 255).tolist()),
            tuple(black.tolist()),
        )

    def apply(self, squares: Tensor) -> Tensor:
        """Return (n, 3, side, side) floating-point values of bytes (n, side, side, 3)."""
        factor, offset = (
            squares.new_tensor(v, dtype=torch.float32) for v in (self.factor, self.offset)
        )
        return (squares.float() * factor + offset).permute(0, 3, 1, 2)


def store_pictures(
    paths: Sequence[ImageFile], side: int, fit: str, directory: Path, progress: Progress = silent
) -> StoredPictures:
    """Return squares of pictures, from the file of an earlier call if no picture has changed.

    Args:
        paths: the picture files.
        side: of the squares, in pixels; each takes 3 x side x side bytes of disk.
        fit: crop or squash (see ``embedding.model.squares``).
        directory: where the file is kept; it may be deleted between runs.
        progress: told about the pictures done.

    Raises:
        DataError: none of the pictures can be read, or there is no room on the disk.
    """
    directory.mkdir(parents=True, exist_ok=True)
    name = f"pictures-{side}-{fit}-{_key(paths)}"
    table, file = directory / f"{name}.json", directory / f"{name}.npy"
    try:
        if not table.is_file():
            why = _decode(paths, side, fit, file, progress)
            table.write_text(json.dumps(why), encoding="utf-8")
        found = {int(i): str(why) for i, why in json.loads(table.read_text("utf-8")).items()}
        squares = np.load(file, mmap_mode="r")
    except OSError as error:
        size = len(paths) * side * side * 3 / 1e9
        raise DataError(
            f"{len(paths)} pictures of {side} pixels ({size:.1f} GB) cannot be kept in "
            f"{directory} ({error}); make room, or set SHOWTELL_DATA_DIR to another place"
        ) from error
    if len(found) == len(paths):
        first = f"{paths[0]}: {found[0]}" if found else "there are no pictures"
        raise DataError(f"none of the {len(paths)} pictures can be read ({first})")
    kept = np.array([i for i in range(len(paths)) if i not in found], dtype=np.int64)
    return StoredPictures(squares, kept, found)


def _decode(
    paths: Sequence[ImageFile], side: int, fit: str, file: Path, progress: Progress
) -> dict[int, str]:
    """Write the squares; return what is wrong with those that cannot be read."""
    scratch = file.with_suffix(f".{os.getpid()}")
    shape = (max(len(paths), 1), side, side, 3)
    squares = np.lib.format.open_memmap(scratch, mode="w+", dtype=np.uint8, shape=shape)
    why: dict[int, str] = {}

    def decode(index: int) -> None:
        try:
            squares[index] = np.asarray(square(open_image(paths[index]), side, fit))
        except (ImageError, OSError) as error:
            why[index] = str(error)

    try:
        # Pillow decodes outside the interpreter's lock, so threads do.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, _ in enumerate(pool.map(decode, range(len(paths))), start=1):
                progress(done, len(paths), "decoding pictures")
        squares.flush()
        scratch.rename(file)
    finally:
        scratch.unlink(missing_ok=True)
    return dict(sorted(why.items()))


def _key(paths: Sequence[ImageFile]) -> str:
    """Return 16 hex digits that change with any file's place, size or date."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            found = path.stat()
            state = f"{found.st_size} {found.st_mtime_ns}"
        except OSError:
            state = "missing"
        digest.update(f"{path.absolute()} {state}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]
