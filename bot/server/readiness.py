"""Whether turns can be answered: one just was, or it is tried what each of them does in Redis."""

from __future__ import annotations

import asyncio
import math
import time
import uuid
from collections.abc import Callable

from redis.exceptions import AuthenticationError, ResponseError

from bot.errors import SessionsUnavailable
from bot.sessions.connection import connect
from bot.sessions.store import SessionStore

_PATIENCE_S = 0.8
# So long a turn that was kept stands for the next one. In a crowd a try waits for its turn at the
# event loop, three times, and would be given up although every answer is kept.
_STANDS_FOR_S = 1.0
_PROBE_TTL_S = 60


class Readiness:
    """Takes an empty turn of a sender that is nobody: a lock, a read, a fenced write.

    A PING would be answered by a Redis that is full, by a read-only replica, and by one that keeps
    lock and session on different nodes. The connections are this probe's own, so that it need not
    queue behind the turns; those who ask at once share one try.

    Args:
        redis_url: where the sessions are kept.
        kept_at: tells when the last turn of anybody was kept, by `time.monotonic`.
    """

    def __init__(self, redis_url: str, kept_at: Callable[[], float] = lambda: -math.inf) -> None:
        self._kept_at = kept_at
        self._redis = connect(redis_url, connections=2)
        self._sessions = SessionStore(self._redis, ttl_s=_PROBE_TTL_S)
        self._attempt: asyncio.Task[str | None] | None = None

    async def problem(self) -> str | None:
        """Return why no turn can be kept now, in words; None when one can."""
        if time.monotonic() - self._kept_at() < _STANDS_FOR_S:
            return None
        if self._attempt is None or self._attempt.done():
            self._attempt = asyncio.create_task(self._try_turn(), name="trying a turn")
        await asyncio.wait({self._attempt}, timeout=_PATIENCE_S)
        return self._attempt.result() if self._attempt.done() else "Redis does not answer in time"

    async def close(self) -> None:
        """Give up what is being tried and close the connections."""
        if self._attempt:
            self._attempt.cancel()
            await asyncio.wait({self._attempt})
        await self._redis.aclose()

    async def _try_turn(self) -> str | None:
        try:
            # A new sender each time: the lock of an attempt that Redis broke off lives on.
            async with self._sessions.turn(f"readyz-{uuid.uuid4().hex}"):
                return None
        except SessionsUnavailable as error:
            met = error.__cause__
            if isinstance(met, ResponseError):
                return f"Redis refuses to keep a session: {met}"
            if isinstance((met and met.__cause__) or met, AuthenticationError):
                return "Redis does not accept the user or the password of SHOWTELL_REDIS_URL"
            return "Redis does not answer"
