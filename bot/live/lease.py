"""One thing at a time that is lent out and exchanged; the old one is closed after its last user."""

from __future__ import annotations

import ctypes
import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Slot(Generic[T]):
    content: T
    users: int = 0
    retired: bool = False


class Lendable(Generic[T]):
    """What is lent now, and who still uses what was lent before.

    Args:
        close: closes what is retired, once, in a thread of its own: closing it and giving its
            memory back takes too long for the event loop.
    """

    def __init__(self, close: Callable[[T], None]) -> None:
        self._close = close
        self._closing: set[threading.Thread] = set()
        self._lock = threading.Lock()  # guards _slot and every slot's fields
        self._slot: _Slot[T] | None = None

    @property
    def current(self) -> T | None:
        """What is lent now, without a lease on it."""
        slot = self._slot
        return slot.content if slot else None

    @property
    def users(self) -> int:
        """How many have a lease on what is lent now."""
        with self._lock:
            return self._slot.users if self._slot else 0

    @contextmanager
    def lend(self) -> Iterator[T | None]:
        """Lend what there is; it stays open until the block ends, whatever is put in its place."""
        with self._lock:
            slot = self._slot
            if slot:
                slot.users += 1
        if slot is None:
            yield None
            return
        try:
            yield slot.content
        finally:
            with self._lock:
                slot.users -= 1
                is_last = slot.retired and slot.users == 0
            if is_last:
                self._retire(slot)

    def replace(self, content: T | None) -> None:
        """Lend this from now on; close the old one now or after its last lease."""
        with self._lock:
            old, self._slot = self._slot, None if content is None else _Slot(content)
            if old:
                old.retired = True
            is_unused = old is not None and old.users == 0
        if old and is_unused:
            self._retire(old)

    def shut_down(self) -> None:
        """Lend nothing any more, and wait until all that nobody uses is closed."""
        self.replace(None)
        for thread in list(self._closing):
            thread.join()

    def _retire(self, slot: _Slot[T]) -> None:
        def close() -> None:
            try:
                self._close(slot.content)
            finally:
                del slot.content
                gc.collect()  # models hold reference cycles and would stay in memory
                give_memory_back()
                self._closing.discard(thread)

        thread = threading.Thread(target=close, name="closing")
        self._closing.add(thread)
        thread.start()


def give_memory_back() -> None:
    """Give all freed memory back, in some milliseconds; do nothing where there is no glibc.

    glibc keeps what was freed in the arena of the thread that had asked for it. A bundle is loaded
    by whichever thread is free, and in the end each of them would hold the most that a load took.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim:
        trim(0)
