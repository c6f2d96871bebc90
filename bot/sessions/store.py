"""Session records in Redis: one turn of a sender at a time, saved whole or not at all.

A turn is `async with store.turn(sender_id) as record`. Turns of one sender run in the order in
which they came: a queue in this process, a lock with a token in Redis between processes. Turns of
different senders never wait for each other. The record is saved by a script that first checks that
the lock is still ours, so a turn that outlived its lock cannot overwrite a later one.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import redis.asyncio
from pydantic import ValidationError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bot.errors import MessageRefused, SessionsUnavailable
from bot.sessions.record import SessionRecord

logger = logging.getLogger(__name__)

LONGEST_SENDER_ID = 200
_CONNECT_TIMEOUT_S = 1.0
_COMMAND_TIMEOUT_S = 2.0
_POLL_S = 0.02
_UNAVAILABLE = "The conversations cannot be reached at the moment. Please try again shortly."

# Both scripts may be repeated after a lost answer without harm; so may the release.
_ACQUIRE = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_SAVE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
return 1
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""


def connect(url: str) -> redis.asyncio.Redis:
    """Return a client that says within seconds that Redis is away, and reconnects by itself."""
    return redis.asyncio.Redis.from_url(
        url,
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        socket_timeout=_COMMAND_TIMEOUT_S,
        # One more try: a pooled connection may be left over from before a restart of Redis.
        retry=Retry(NoBackoff(), 1),
    )


def check_sender_id(sender_id: str) -> str:
    """Return `sender_id` if a session can be kept under it.

    Raises:
        MessageRefused: It is empty, too long, or no valid Unicode.
    """
    if not sender_id:
        raise MessageRefused("The sender is empty: send the same name with every message.")
    if len(sender_id) > LONGEST_SENDER_ID:
        raise MessageRefused(
            f"The sender has {len(sender_id)} characters; at most {LONGEST_SENDER_ID} are allowed."
        )
    try:
        sender_id.encode()
    except UnicodeEncodeError as error:
        raise MessageRefused(f"The sender is not valid Unicode: {sender_id!r}.") from error
    return sender_id


@dataclass
class _Queue:
    """Who waits for one sender in this process; asyncio.Lock serves them in order."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class SessionStore:
    """Reads and saves session records.

    Args:
        client: As made by `connect`; its owner closes it.
        ttl_s: Seconds after its last turn for which a session is kept.
        lock_timeout_s: Seconds after which the lock of a process that died is void. A turn must
            be done by then, and nobody waits longer for another process.
    """

    def __init__(
        self, client: redis.asyncio.Redis, ttl_s: int = 30 * 86_400, lock_timeout_s: float = 30.0
    ) -> None:
        if ttl_s < 1:
            raise ValueError(f"ttl_s is {ttl_s}; it must be at least 1 second")
        if lock_timeout_s <= 0:
            raise ValueError(f"lock_timeout_s is {lock_timeout_s}; it must be above 0 seconds")
        self._redis = client
        self._ttl_s = ttl_s
        self._lock_timeout_s = lock_timeout_s
        self._queues: dict[str, _Queue] = {}
        self._acquire_script = client.register_script(_ACQUIRE)
        self._save_script = client.register_script(_SAVE)
        self._release_script = client.register_script(_RELEASE)

    async def ping(self) -> None:
        """Return if Redis answers.

        Raises:
            SessionsUnavailable: It does not.
        """
        try:
            await self._redis.ping()
        except (RedisError, OSError) as error:
            raise _unavailable("ping", error) from error

    @asynccontextmanager
    async def turn(self, sender_id: str) -> AsyncIterator[SessionRecord]:
        """Open one turn of a sender; what the block did to the record is saved when it ends well.

        An error inside the block leaves the stored record as it was.

        Raises:
            MessageRefused: The sender id cannot be used.
            SessionsUnavailable: Redis is away, or another process held the sender for too long, or
                this turn took longer than its lock. Nothing was saved.
        """
        check_sender_id(sender_id)
        queue = self._queues.setdefault(sender_id, _Queue())
        queue.users += 1
        try:
            async with queue.lock:
                token = secrets.token_hex(16)
                lock_key = f"showtell:lock:{sender_id}"
                try:
                    await self._acquire(lock_key, token)
                    record = await self._read(sender_id)
                    yield record
                    await self._save(lock_key, token, record)
                finally:
                    # Also when the turn is cancelled: the next one need not wait for the time-out.
                    await asyncio.shield(self._release(lock_key, token))
        finally:
            queue.users -= 1
            if not queue.users:
                del self._queues[sender_id]

    async def _acquire(self, lock_key: str, token: str) -> None:
        milliseconds = max(1, round(self._lock_timeout_s * 1000))
        # A little longer than a lock lives: whoever waits for a dead process gets its turn.
        deadline = time.monotonic() + self._lock_timeout_s + 1.0
        while True:
            try:
                if await self._acquire_script(keys=[lock_key], args=[token, milliseconds]):
                    return
            except (RedisError, OSError) as error:
                raise _unavailable("lock", error) from error
            if time.monotonic() > deadline:
                raise SessionsUnavailable(
                    "An earlier message of yours is still being answered. Please try again shortly."
                )
            await asyncio.sleep(_POLL_S)

    async def _read(self, sender_id: str) -> SessionRecord:
        try:
            stored = await self._redis.get(_session_key(sender_id))
        except (RedisError, OSError) as error:
            raise _unavailable("read", error) from error
        if stored is None:
            return SessionRecord(sender_id=sender_id)
        try:
            return SessionRecord.model_validate_json(stored)
        except ValidationError as error:
            logger.error(
                "the session of %r cannot be read and begins anew: %s",
                sender_id,
                error.errors(include_input=False, include_url=False)[:3],
            )
            return SessionRecord(sender_id=sender_id)

    async def _save(self, lock_key: str, token: str, record: SessionRecord) -> None:
        record.updated_at = time.time()
        body = record.dump_bounded()
        try:
            saved = await self._save_script(
                keys=[lock_key, _session_key(record.sender_id)], args=[token, body, self._ttl_s]
            )
        except (RedisError, OSError) as error:
            raise _unavailable("save", error) from error
        if not saved:
            logger.error(
                "a turn of %r took longer than its lock (%s s) and was not saved",
                record.sender_id,
                self._lock_timeout_s,
            )
            raise SessionsUnavailable(
                "Answering took too long and was not kept. Please send your message again."
            )

    async def _release(self, lock_key: str, token: str) -> None:
        try:
            await self._release_script(keys=[lock_key], args=[token])
        except (RedisError, OSError) as error:
            # The lock ends by itself; what the turn itself met matters more than this.
            logger.warning("a session lock was left to its time-out: %s", error)


def _session_key(sender_id: str) -> str:
    return f"showtell:session:{sender_id}"


def _unavailable(what: str, error: Exception) -> SessionsUnavailable:
    logger.error("Redis failed to %s: %s", what, error)
    return SessionsUnavailable(_UNAVAILABLE)
