"""Image features: the frozen image encoder's vectors, computed once for each file's content.

They are kept in a SQLite file, one per encoder, keyed by the sha256 of the picture's bytes, so a
renamed or copied picture is not computed again and a changed one is.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from platformdirs import user_cache_path

from embedding.data.decode import ImageError, ImageFile, open_image
from embedding.data.pairs import Pairs, Skipped
from embedding.errors import DataError
from embedding.progress import Progress, silent

if TYPE_CHECKING:
    from embedding.model.encoder import JointEncoder

__all__ = [
    "ArrayCache",
    "FeatureCache",
    "ImageFeatures",
    "cached_pictures",
    "default_cache_dir",
    "extract_features",
]

_BATCH = 32


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """What the image encoder sees.

    Attributes:
        vectors: (views, n, width); view 0 is the picture as it is.
        kept: (n,) indices of the pictures that could be read.
        skipped: the others, and why.
    """

    vectors: NDArray[np.float32]
    kept: NDArray[np.int64]
    skipped: list[Skipped]


def default_cache_dir() -> Path:
    """Return where features are kept if no other place is named."""
    return user_cache_path("showtell", appauthor=False) / "features"


def extract_features(
    model: JointEncoder,
    pairs: Pairs,
    *,
    mirrored: bool = False,
    cache_dir: Path | None = None,
    progress: Progress = silent,
) -> ImageFeatures:
    """Return the image encoder's vectors of all readable pictures of a data set.

    Args:
        model: a model of ours, or a foreign one, whose joint vectors then are the features.
        pairs: the data set; it must have image files.
        mirrored: add a second view, the pictures mirrored left to right.
        cache_dir: where vectors are kept between runs; None means ``default_cache_dir()``.
        progress: told about the pictures done.

    Raises:
        DataError: there are no image files, or none can be read.
    """
    if pairs.image_paths is None:
        raise DataError(f"{pairs.name} has no image files to extract features from")
    views = 2 if mirrored else 1
    rows: dict[int, NDArray[np.float32]] = {}
    skipped: list[Skipped] = []
    total = len(pairs.image_paths)
    with FeatureCache(cache_dir or default_cache_dir(), model) as cache:
        done = 0
        for batch in _read_ahead(pairs.image_paths, cache, views):
            for item in batch:
                if item.why:
                    skipped.append(Skipped(pairs.image_ids[item.index], item.why))
            fresh = [item for item in batch if item.pictures]
            if fresh:
                encoded = model.encode_image_features([p for item in fresh for p in item.pictures])
                for i, item in enumerate(fresh):
                    item.vectors = encoded[i * views : (i + 1) * views]
                cache.store({i.sha256: i.vectors for i in fresh if i.vectors is not None})
            rows.update({i.index: i.vectors for i in batch if i.vectors is not None})
            done += len(batch)
            progress(done, total, "extracting image features")
    if not rows:
        why = f"{skipped[0].what}: {skipped[0].why}" if skipped else "there are no pictures"
        raise DataError(f"none of the {total} pictures of {pairs.name} can be read ({why})")
    kept = np.array(sorted(rows), dtype=np.int64)
    vectors = np.stack([rows[i] for i in kept], axis=1)
    return ImageFeatures(vectors, kept, skipped)


class ArrayCache:
    """Arrays on disk by the content of the file each was computed from; a context manager.

    Several threads may use it.

    Args:
        path: a SQLite file; made, with its folder, when it is missing. Its name must hold all
            that decides the arrays besides the file's content.
        dtype: of the numbers.
    """

    def __init__(self, path: Path, dtype: type[np.floating[Any]]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._dtype = dtype
        self._using = threading.Lock()
        self._database = sqlite3.connect(path, timeout=60, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS features "
            "(sha256 BLOB, view INTEGER, vector BLOB, PRIMARY KEY (sha256, view)) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def lookup(self, sha256: bytes, views: int = 1) -> NDArray[Any] | None:
        """Return (views, width) of a file's content, or None if a view is missing."""
        with self._using:
            blobs = self._database.execute(
                "SELECT vector FROM features WHERE sha256 = ? AND view < ? ORDER BY view",
                (sha256, views),
            ).fetchall()
        if len(blobs) != views:
            return None
        return np.stack([np.frombuffer(blob, dtype=self._dtype) for (blob,) in blobs])

    def store(self, arrays: Mapping[bytes, NDArray[Any]]) -> None:
        """Keep (views, ...) of each content (sha256)."""
        rows = [
            (sha256, view, np.ascontiguousarray(array, dtype=self._dtype).tobytes())
            for sha256, views in arrays.items()
            for view, array in enumerate(views)
        ]
        with self._using, self._database:
            self._database.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?)", rows)


class FeatureCache(ArrayCache):
    """A model's image features on disk.

    Args:
        directory: where the caches of all models lie; made when it is missing.
        model: whose features; models that share an image encoder share its features.
    """

    def __init__(self, directory: Path, model: JointEncoder) -> None:
        name = f"{model.image_fingerprint}-{model.image_precision}.sqlite"
        super().__init__(directory / name, np.float32)


@contextmanager
def cached_pictures(
    model: JointEncoder, cache_dir: Path
) -> Iterator[Callable[[Sequence[str], Sequence[Image.Image]], NDArray[np.float32]]]:
    """Give an encoder of pictures that computes no features which training left in a cache.

    It takes the hashes of files (sha256 in hex) and the pictures in them, and returns their unit
    vectors (n, dimension).
    """
    with FeatureCache(cache_dir, model) as cache:

        def encode(hashes: Sequence[str], pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
            keys = [bytes.fromhex(sha256) for sha256 in hashes]
            features = {key: found for key in keys if (found := cache.lookup(key)) is not None}
            fresh = [i for i, key in enumerate(keys) if key not in features]
            if fresh:
                rows = model.encode_image_features([pictures[i] for i in fresh])
                new = {keys[i]: row[None] for i, row in zip(fresh, rows, strict=True)}
                cache.store(new)
                features |= new
            return model.encode_features(np.concatenate([features[key] for key in keys]))

        yield encode


@dataclass
class _Item:
    index: int
    sha256: bytes = b""
    vectors: NDArray[np.float32] | None = None  # (views, width)
    pictures: Sequence[Image.Image] = ()
    why: str = ""


def _read_ahead(
    paths: Sequence[ImageFile], cache: FeatureCache, views: int
) -> Iterator[list[_Item]]:
    """Yield batches; the next one's files are decoded while this one is encoded."""
    starts = range(0, len(paths), _BATCH)

    def read(start: int) -> list[_Item]:
        stop = min(start + _BATCH, len(paths))
        return [_read(i, paths[i], cache, views) for i in range(start, stop)]

    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting = deque(reader.submit(read, start) for start in starts[:2])
        for start in (*starts[2:], None, None):
            if waiting:
                batch = waiting.popleft().result()
                if start is not None:
                    waiting.append(reader.submit(read, start))
                yield batch


def _read(index: int, path: ImageFile, cache: FeatureCache, views: int) -> _Item:
    """Return a file's cached vectors, or else its decoded picture, or else what is wrong."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return _Item(index, why=f"it cannot be read: {error.strerror}")
    key = hashlib.sha256(data).digest()
    vectors = cache.lookup(key, views)
    if vectors is not None:
        return _Item(index, key, vectors)
    try:
        picture = open_image(data)
    except ImageError as error:
        return _Item(index, why=str(error))
    return _Item(index, key, pictures=(picture, ImageOps.mirror(picture))[:views])
