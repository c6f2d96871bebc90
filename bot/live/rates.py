"""How often one sender, and one address, may ask."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from bot.errors import TooOften


class RateLimits:
    """Counts the turns of each sender and each address, in the memory of this process.

    With several workers each counts what comes to it; a limit that they share would cost every turn
    one more round trip to Redis.

    Args:
        per_sender: such as "60/minute"; blank for no limit.
        per_address: the same, for all that comes from one address.
    """

    def __init__(self, per_sender: str, per_address: str) -> None:
        self._counts = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._per_sender = parse(per_sender) if per_sender else None
        self._per_address = parse(per_address) if per_address else None

    def count_sender(self, sender_id: str) -> None:
        """Count one turn of a sender.

        Raises:
            TooOften: there were too many.
        """
        self._count(self._per_sender, "sender", sender_id)

    def count_address(self, address: str) -> None:
        """Count one turn from an address.

        Raises:
            TooOften: there were too many.
        """
        self._count(self._per_address, "address", address)

    def _count(self, limit: RateLimitItem | None, *who: str) -> None:
        if limit and not self._counts.hit(limit, *who):
            again = self._counts.get_window_stats(limit, *who).reset_time - time.time()
            raise TooOften(max(1, math.ceil(again)))
