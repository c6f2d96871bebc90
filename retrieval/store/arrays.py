"""Arrays in files that are mapped, not read: opening them costs nothing, and processes share them.

Nothing here is changed once it is written.
"""

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.errors import GalleryError

__all__ = ["Array", "Terms", "load_arrays", "save_arrays"]

Array = npt.NDArray[Any]


def save_arrays(directory: Path, **arrays: Array) -> None:
    """Write each array to a file of its own; the directory is made."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(directory / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)


def load_arrays(directory: Path, *names: str) -> list[Array]:
    """Return arrays that `save_arrays` wrote, read-only.

    Raises:
        GalleryError: one is missing or damaged.
    """
    arrays = []
    for name in names:
        path = directory / f"{name}.npy"
        try:
            mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise GalleryError(
                f"{directory.name}/{path.name} cannot be read ({error}); index the pictures again"
            ) from None
        # As a plain array: NumPy's own class for maps costs microseconds at each slice.
        arrays.append(mapped.view(np.ndarray))
    return arrays


class Terms:
    """Distinct strings in order, found by bisection; kept as bytes, one after the other.

    UTF-8 sorts as code points do, so that bytes are compared, never decoded.

    Args:
        text: (m,) uint8, all of them.
        ends: (n,) where each one ends in it.
    """

    def __init__(self, text: Array, ends: Array) -> None:
        if len(text) != (ends[-1] if len(ends) else 0):
            raise GalleryError("the terms of an index do not end where their text does")
        self._text = text
        self._ends = ends

    @staticmethod
    def pack(terms: Sequence[str]) -> tuple[Array, Array]:
        """Return what the constructor takes, of strings in order."""
        encoded = [term.encode() for term in terms]
        ends = np.cumsum([len(term) for term in encoded], dtype=np.int64)
        return np.frombuffer(b"".join(encoded), np.uint8), ends

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, place: int) -> str:
        return self._bytes(place).decode()

    def find(self, term: str) -> int | None:
        """Return the place of a term; None where there is none."""
        wanted = term.encode()
        place = bisect_left(range(len(self)), wanted, key=self._bytes)
        return place if place < len(self) and self._bytes(place) == wanted else None

    def between(self, low: str, high: str) -> range:
        """Return the places of all terms from `low` on that come before `high`."""
        first, last = (
            bisect_left(range(len(self)), bound.encode(), key=self._bytes) for bound in (low, high)
        )
        return range(first, max(first, last))

    def _bytes(self, place: int) -> bytes:
        start = int(self._ends[place - 1]) if place else 0
        return bytes(self._text[start : int(self._ends[place])])
