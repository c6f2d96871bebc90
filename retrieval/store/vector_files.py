"""The vectors of a gallery that is being built, on the disk until they are indexed."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from retrieval.errors import GalleryError
from retrieval.store.protocol import Picture, Space
from retrieval.store.vectors import Vectors, check_vectors

__all__ = ["VectorFiles"]


class VectorFiles:
    """Takes vectors as they come; a context manager that leaves no file behind.

    A build of any size so holds its vectors in memory once at most, when they are indexed.

    Args:
        directory: where to; it is made.
        dimension: length of a vector.
    """

    def __init__(self, directory: Path, dimension: int) -> None:
        directory.mkdir(parents=True)
        self._dimension = dimension
        self._raw = {
            space: (directory / f".{space}.raw").open("w+b") for space in ("pictures", "captions")
        }
        self._caption_rows: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        for file in self._raw.values():
            with contextlib.suppress(OSError):  # on a full disk; nobody reads it any more
                file.close()
            Path(file.name).unlink()

    @property
    def caption_rows(self) -> list[int]:
        """The rows whose captions have a vector, ascending."""
        return self._caption_rows

    def add(self, vectors: Vectors) -> None:
        """Append the vectors (n, dimension) of the next n pictures.

        Raises:
            IndexMismatch: wrong type or shape, not finite, or not normalised.
        """
        self._raw["pictures"].write(check_vectors(vectors, self._dimension).data)

    def add_captions(self, rows: Sequence[int], vectors: Vectors) -> None:
        """Append the vectors (n, dimension) of what the captions of n rows mean.

        Args:
            rows: ascending, and behind those that were added before.
            vectors: one a row.

        Raises:
            IndexMismatch: wrong type or shape, not finite, or not normalised.
        """
        self._raw["captions"].write(check_vectors(vectors, self._dimension).data)
        self._caption_rows += rows

    def vectors_of(self, pictures: Sequence[Picture]) -> Vectors:
        """Return the vectors of all pictures (pictures, dimension), mapped from the disk.

        Raises:
            GalleryError: there are not as many pictures as vectors.
        """
        vectors = self.vectors()
        if len(pictures) != len(vectors):
            raise GalleryError(f"there are {len(pictures)} pictures and {len(vectors)} vectors")
        return vectors

    def vectors(self, space: Space = "pictures") -> Vectors:
        """Return what was added so far (n, dimension), mapped from the disk."""
        file = self._raw[space]
        file.flush()
        count = file.tell() // (4 * self._dimension)
        if not count:
            return np.zeros((0, self._dimension), np.float32)
        return np.memmap(file, np.float32, "r", shape=(count, self._dimension))
