"""Leaving alone for a while what keeps failing."""

from __future__ import annotations

import time
from collections.abc import Callable

_FAILURES = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 10.0, 300.0


class Breaker:
    """Says whether something may be tried.

    After three failures in a row nothing is tried for ten seconds; each further failure doubles the
    pause, up to five minutes. A success ends it.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._pause = _FIRST_PAUSE_S
        self._until = 0.0

    @property
    def closed(self) -> bool:
        """Whether it may be tried now."""
        return self._clock() >= self._until

    def succeeded(self) -> None:
        """Note that it worked."""
        self._failures, self._pause, self._until = 0, _FIRST_PAUSE_S, 0.0

    def failed(self) -> None:
        """Note that it did not."""
        self._failures += 1
        if self._failures >= _FAILURES:
            self._until = self._clock() + self._pause
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)
