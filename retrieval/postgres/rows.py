"""The rows of one version: what was read of them is kept, for versions never change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from embedding.data.remote import Root
from embedding.model.vectors import unit
from retrieval.errors import GalleryError, IndexMismatch
from retrieval.postgres.database import Reader
from retrieval.postgres.terms import clean, conditions
from retrieval.store.kept import Kept
from retrieval.store.protocol import Picture
from retrieval.store.vectors import Ids, Vectors

__all__ = ["StoredRows", "StoredVersion", "decode", "picture_of"]

T = TypeVar("T")

_VECTORS_KEPT, _PICTURES_KEPT, _NUMBERS_KEPT = 20_000, 10_000, 100_000


@dataclass(frozen=True)
class StoredVersion:
    """What a version's own row says.

    Attributes:
        number: of the version; a later one has a larger number.
        model: the row of its model.
        dimension: of the vectors.
        count: of the pictures.
        captioned: how many of them have a caption.
        words: in all captions.
        root: the folder that the pictures' paths start from.
        attribution: who made the pictures; may be empty.
    """

    number: int
    model: int
    dimension: int
    count: int
    captioned: int
    words: int
    root: Root
    attribution: str


class StoredRows:
    """Reads rows by their numbers and ids.

    Args:
        reader: of the database.
        version: whose rows they are.
    """

    def __init__(self, reader: Reader, version: StoredVersion) -> None:
        self._reader = reader
        self._version = version
        self._vectors: Kept[int, bytes] = Kept(_VECTORS_KEPT)
        self._nearness: Kept[int, float] = Kept(_NUMBERS_KEPT)
        self._pictures: Kept[int, Picture] = Kept(_PICTURES_KEPT)
        self._row_of: Kept[str, int] = Kept(_PICTURES_KEPT)

    def of(self, image_ids: Sequence[str]) -> list[int]:
        """Return the rows of those pictures that are in the gallery, in the order of the ids."""
        found = self._row_of.find(image_ids)
        new = [clean(image_id) for image_id in image_ids if image_id not in found]
        if new:
            condition = conditions(self._version.number)
            rows = self._reader.fetch(
                f"SELECT image_id, id FROM pictures WHERE {condition.text}"  # noqa: S608 - fixed parts
                " AND image_id = ANY(%s)",
                (*condition.values, new),
            )
            fresh: dict[str, int] = dict(rows)
            self._row_of.keep(fresh)
            found |= fresh
        return [found[image_id] for image_id in image_ids if image_id in found]

    def pictures(self, rows: Sequence[int]) -> list[Picture]:
        """Return the pictures of rows, in their order.

        Raises:
            GalleryError: there is no such row.
        """
        found = self._pictures.find(rows)
        new = [row for row in rows if row not in found]
        if new:
            read = self._reader.fetch(
                "SELECT id, image_id, path, sha256, width, height, captions, metadata"
                " FROM pictures WHERE id = ANY(%s)",
                (new,),
            )
            fresh = {row[0]: picture_of(row) for row in read}
            self._pictures.keep(fresh)
            self._row_of.keep({one.image_id: row for row, one in fresh.items()})
            found |= fresh
        missing = [row for row in new if row not in found]
        if missing:
            raise GalleryError(
                f"the gallery of {self._version.count} pictures has no row {missing[0]}"
            )
        return [found[row] for row in rows]

    def vectors(self, rows: Sequence[int]) -> Vectors:
        """Return the vectors (n, dimension) of rows, in their order.

        Raises:
            IndexMismatch: there is no such row.
        """
        found = self._find(rows, "vector", self._vectors)
        return self.decode([found[row] for row in rows])

    def caption_vectors(self, rows: Sequence[int]) -> Vectors:
        """Return the vectors (n, dimension) of what the captions of rows mean, in their order.

        Raises:
            IndexMismatch: a picture has no captions.
        """
        if not rows:
            return self.decode([])
        read = self._reader.fetch(
            "SELECT id, caption_vector FROM pictures"
            " WHERE id = ANY(%s) AND caption_vector IS NOT NULL",
            (list(rows),),
        )
        found: dict[int, bytes] = dict(read)
        missing = [row for row in rows if row not in found]
        if missing:
            raise IndexMismatch(f"the picture in row {missing[0]} has no captions")
        return self.decode([found[row] for row in rows])

    def __getitem__(self, rows: Ids) -> npt.NDArray[np.float32]:
        """Return how near rows are to typical requests, (n,); see `Nearness`."""
        wanted = rows.tolist()
        found = self._find(wanted, "nearness", self._nearness)
        return np.array([found[row] for row in wanted], np.float32)

    def keep_nearness(self, nearness: Mapping[int, float]) -> None:
        """Keep what a search read beside its rows."""
        self._nearness.keep(nearness)

    def decode(self, blobs: Sequence[bytes]) -> Vectors:
        """Return halfvecs of PostgreSQL's binary form as unit vectors (n, dimension)."""
        return decode(blobs, self._version.dimension)

    def _find(self, rows: Sequence[int], column: str, kept: Kept[int, T]) -> dict[int, T]:
        """Return a column of rows, and keep what was not kept."""
        found = kept.find(rows)
        new = [row for row in rows if row not in found]
        if new:
            read: dict[int, T] = dict(
                self._reader.fetch(
                    f"SELECT id, {column} FROM pictures WHERE id = ANY(%s)",  # noqa: S608 - fixed parts
                    (new,),
                )
            )
            kept.keep(read)
            found |= read
        for row in new:
            if row not in found:
                raise IndexMismatch(
                    f"row {row} is not in the gallery of {self._version.count} pictures"
                )
        return found


def decode(blobs: Sequence[bytes], dimension: int) -> Vectors:
    """Return halfvecs of PostgreSQL's binary form as unit vectors (n, dimension)."""
    if not blobs:
        return np.zeros((0, dimension), np.float32)
    # The first four bytes are the dimension and a number that is not used.
    halves = np.frombuffer(b"".join(blobs), ">f2").reshape(len(blobs), -1)[:, 2:]
    return unit(halves.astype(np.float32))


def picture_of(row: Sequence[Any]) -> Picture:
    """Return the picture of a row, its columns in the order of `Picture`."""
    number, image_id, path, sha256, width, height, captions, metadata = row
    return Picture(number, image_id, path, sha256, width, height, tuple(captions), metadata)
