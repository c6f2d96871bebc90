"""Who is let in, by a token, and how often one sender and one address may ask."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Awaitable, Callable

from fastapi import HTTPException, Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from pydantic import SecretStr

from bot.errors import TooOften


def needs(token: SecretStr, *, in_query: bool = False) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that lets in requests with a bearer token.

    Args:
        token: the one.
        in_query: also take it as `?token=`, as Rasa sends the one of its `endpoints.yml`.

    Raises:
        HTTPException: 401, by the dependency.
    """
    expected = token.get_secret_value().encode()

    async def check(request: Request) -> None:
        # Header values come as Latin-1; back to the bytes that were sent, so that any token works.
        header = request.headers.get("authorization", "").encode("latin-1")
        scheme, _, given = header.partition(b" ")
        if in_query and not header:
            scheme, given = b"bearer", request.query_params.get("token", "").encode()
        if scheme.lower() != b"bearer" or not secrets.compare_digest(given.strip(), expected):
            raise HTTPException(
                401, "A valid bearer token is needed.", headers={"WWW-Authenticate": "Bearer"}
            )

    return check


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
