"""What a search needs encoded, and what became of it."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from retrieval.store.vectors import Vectors

__all__ = ["Encoded", "Plan", "TextVectors"]


@dataclass(frozen=True)
class Plan:
    """What must be encoded before a query can be ranked.

    Attributes:
        texts: each once.
        image: whether the upload must be.
    """

    texts: tuple[str, ...]
    image: bool


@dataclass(frozen=True, eq=False)
class Encoded:
    """What a plan asked for.

    Attributes:
        texts: the unit vector (dimension,) of each text.
        image: that of the upload, or None.
    """

    texts: Mapping[str, Vectors]
    image: Vectors | None = None


class TextVectors:
    """The vectors of the texts that were asked for last; safe to use from several threads.

    A conversation asks with the same texts in every turn; only the new one is encoded.

    Args:
        size: so many are kept.
    """

    def __init__(self, size: int = 2_048) -> None:
        self._size = size
        self._kept: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, texts: Iterable[str]) -> dict[str, Vectors]:
        """Return the vectors of those texts that are kept."""
        with self._lock:
            known = [text for text in texts if text in self._kept]
            for text in known:
                self._kept.move_to_end(text)
            return {text: self._kept[text] for text in known}

    def keep(self, vectors: Mapping[str, Vectors]) -> None:
        """Keep the vectors of some texts; the ones that were not asked for longest make room."""
        with self._lock:
            self._kept.update(vectors)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._kept.clear()
