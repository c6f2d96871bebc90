"""What was read of a version and cannot change any more, the least used forgotten first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Generic, TypeVar

__all__ = ["Kept"]

K = TypeVar("K")
V = TypeVar("V")


def _one(_: object) -> int:
    return 1


class Kept(Generic[K, V]):
    """Values by their keys, up to a size in all; safe to use from several threads.

    Args:
        most: the size.
        size_of: of one value; each counts as one if it is left out.
    """

    def __init__(self, most: int, size_of: Callable[[V], int] = _one) -> None:
        self._most = most
        self._size_of = size_of
        self._size = 0
        self._values: OrderedDict[K, V] = OrderedDict()
        self._being_read: dict[K, Future[V]] = {}
        self._lock = threading.Lock()

    def find(self, keys: Iterable[K]) -> dict[K, V]:
        """Return those that are kept."""
        found: dict[K, V] = {}
        with self._lock:
            for key in keys:
                if key in self._values:
                    self._values.move_to_end(key)
                    found[key] = self._values[key]
        return found

    def keep(self, values: Mapping[K, V]) -> None:
        """Keep more; one that is larger than all may be is not kept."""
        with self._lock:
            for key, value in values.items():
                self._size -= self._size_of(self._values.pop(key)) if key in self._values else 0
                self._values[key] = value
                self._size += self._size_of(value)
            while self._size > self._most:
                self._size -= self._size_of(self._values.popitem(last=False)[1])

    def read(self, key: K, read: Callable[[], V]) -> V:
        """Return what is kept, or what `read` gives; who asks meanwhile waits for the same.

        Raises:
            whatever `read` raises, for all who wait.
        """
        for value in self.find([key]).values():
            return value
        with self._lock:
            other = self._being_read.get(key)
            own = self._being_read.setdefault(key, Future())
        if other is not None:
            return other.result()
        try:
            value = read()
            self.keep({key: value})
            own.set_result(value)
        except BaseException as error:
            own.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._being_read[key]
        return value
