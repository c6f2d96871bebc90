"""Who is let in: as many turns as can be answered in time, and nobody beyond."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bot.errors import Overloaded

# What is expected of a turn before the first answers.
_S_PER_TURN = 0.1
# Let in whatever is expected: a batch of a few costs little more than one.
_ALWAYS = 8
# What is expected varies by half of it: picture uploads, long messages, a neighbour's load.
_MARGIN = 0.5
# How much one answer changes what is expected of the next.
_WEIGHT = 0.1
_LONGEST_RETRY_S = 60


class Admission:
    """Counts the turns inside and knows, from those that came out, how long a new one would take.

    Turns come out in the order in which they came in, more or less: one that took W seconds with
    N inside when it came stands for W / N seconds a turn (Little's law). That is known after a few
    answers on any machine, with any model.

    Args:
        answer_within_s: what is promised to those who are let in, in seconds.
        on_refusal: called for each turn that is not let in.

    Attributes:
        inside: turns that are being answered or wait for it.
    """

    def __init__(
        self, answer_within_s: float, on_refusal: Callable[[], None] | None = None
    ) -> None:
        self._longest_s = _MARGIN * answer_within_s
        self._s_per_turn = _S_PER_TURN
        self._next_retry = 0.0
        self._on_refusal = on_refusal
        self.inside = 0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be inside for one turn; how long it takes is learned where it ends well.

        Raises:
            Overloaded: it could not be answered in time.
        """
        self.check()
        self.inside += 1
        place, started = self.inside, time.monotonic()
        try:
            yield
            taken = (time.monotonic() - started) / place
            self._s_per_turn += (taken - self._s_per_turn) * _WEIGHT
        finally:
            self.inside -= 1

    def check(self) -> None:
        """Raise Overloaded where no turn can be let in now."""
        if self.inside >= _ALWAYS and (self.inside + 1) * self._s_per_turn > self._longest_s:
            if self._on_refusal:
                self._on_refusal()
            raise Overloaded(self._reserve())

    def _reserve(self) -> int:
        """Return in how many seconds the next one who is refused should come again.

        Each gets a time of their own, one turn apart: a crowd that came back all at once would be
        refused all at once.
        """
        now = time.monotonic()
        self._next_retry = max(now + self._longest_s / 2, self._next_retry + self._s_per_turn)
        return min(math.ceil(self._next_retry - now), _LONGEST_RETRY_S)
