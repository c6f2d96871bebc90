"""Session records in Redis: one turn of a sender at a time, saved whole or not at all.

A turn is `async with store.turn(sender_id) as record`. Turns of one sender run in the order in
which they came: a queue in this process, a lock in Redis between processes, renewed while the turn
runs. So many turns of different senders run at once, the others wait here, not in Redis. The record
is saved by a script that first checks that the lock is still ours, so a turn that lost its lock
cannot overwrite a later one. A full Redis may evict the lock itself: then the turn is saved if
nobody holds another, and the record is still the one that the turn began with.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import logging
import math
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import redis.asyncio
from pydantic import ValidationError
from redis.exceptions import RedisError, ResponseError

from bot.errors import MessageRefused, SessionsUnavailable
from bot.sessions.connection import AT_ONCE, is_cluster
from bot.sessions.record import SessionRecord
from bot.sessions.scripts import BEGIN, RELEASE, RENEW, SAVE, keys_of
from bot.sessions.talk import MAX_EXCHANGES, MAX_TALK_BYTES, Exchange
from bot.stages import stage

logger = logging.getLogger(__name__)

LONGEST_SENDER_ID = 200
# A sender's messages that wait; a person does not type so fast.
_LONGEST_QUEUE = 50
# How long a sender waits whose turn died with its process, or was cut off by Redis. Renewed every
# fourth of it, so that two lost renewals, or an event loop that stalls for seconds, cost no turn.
_LOCK_LIFE_S = 4.0
_POLL_S = 0.02
_BUSY = "An earlier message is still being answered. Please try again shortly."
_UNAVAILABLE = "The conversations cannot be reached at the moment. Please try again shortly."


def check_sender_id(sender_id: str) -> str:
    """Return `sender_id` if a session can be kept under it.

    Raises:
        MessageRefused: it is empty, too long, or no valid Unicode.
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


@dataclass
class _Held:
    """A sender's lock, and the record that it holds as it was stored."""

    keys: list[str]
    token: bytes
    stored: bytes | None
    saved: bool = False


class SessionStore:
    """Reads and saves session records.

    Args:
        client: as made by `connect`; its owner closes it.
        ttl_s: seconds after its last turn for which a session is kept.
        lock_timeout_s: seconds that a message waits until its turn begins, be it for a place or
            for an earlier message of its sender, here or in another process.
        lock_life_s: seconds after which the lock of a process that died is void.
        at_once: turns that run at the same time in this process.

    Attributes:
        kept_at: when the last turn was kept, by `time.monotonic`; minus infinity before the first.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        ttl_s: int = 30 * 86_400,
        lock_timeout_s: float = 8.0,
        lock_life_s: float = _LOCK_LIFE_S,
        at_once: int = AT_ONCE,
    ) -> None:
        if ttl_s < 1:
            raise ValueError(f"ttl_s is {ttl_s}; it must be at least 1 second")
        if lock_timeout_s <= 0:
            raise ValueError(f"lock_timeout_s is {lock_timeout_s}; it must be above 0 seconds")
        self._redis = client
        self._keys_of = functools.partial(keys_of, in_cluster=is_cluster(client))
        self._ttl_s = ttl_s
        self._lock_timeout_s = lock_timeout_s
        self._lock_life_ms = round(1000 * lock_life_s)
        self._queues: dict[str, _Queue] = {}
        self._slots = asyncio.Semaphore(at_once)
        self._begin = client.register_script(BEGIN)
        self._renewal = client.register_script(RENEW)
        self._release = client.register_script(RELEASE)
        self._save_script = client.register_script(SAVE)
        self.kept_at = -math.inf

    @asynccontextmanager
    async def turn(self, sender_id: str) -> AsyncIterator[SessionRecord]:
        """Open one turn of a sender; what the block did to the record is saved when it ends well.

        An error inside the block leaves the stored record as it was.

        Raises:
            MessageRefused: the sender id cannot be used.
            SessionsUnavailable: Redis is away, or another process held the sender for too long, or
                too many of the sender's messages wait, or this turn lost its lock. Nothing was
                saved.
        """
        check_sender_id(sender_id)
        deadline = time.monotonic() + self._lock_timeout_s
        async with AsyncExitStack() as turn:
            with stage("wait"):
                await turn.enter_async_context(self._in_line(sender_id, deadline))
                held = await turn.enter_async_context(self._locked(sender_id, deadline))
            record = _record_of(sender_id, held.stored)
            yield record
            with stage("save"):
                await self._save(held, record)
            self.kept_at = time.monotonic()

    async def read(self, sender_id: str) -> tuple[SessionRecord, list[Exchange]]:
        """Return a sender's record and what was said, oldest first, as they were saved together.

        Raises:
            MessageRefused: the sender id cannot be used.
            SessionsUnavailable: Redis is away.
        """
        check_sender_id(sender_id)
        _, record_key, talk_key = self._keys_of(sender_id)
        try:
            async with self._redis.pipeline(transaction=True) as both:
                both.get(record_key)
                both.lrange(talk_key, 0, -1)
                stored, talk = await both.execute()
        except (RedisError, OSError) as error:
            raise _unavailable("read", error) from error
        return _record_of(sender_id, stored), [one for text in talk if (one := _exchange_of(text))]

    @asynccontextmanager
    async def _in_line(self, sender_id: str, deadline: float) -> AsyncIterator[None]:
        """Wait for the sender's earlier turns in this process, then for a place among all."""
        queue = self._queues.setdefault(sender_id, _Queue())
        if queue.users >= _LONGEST_QUEUE:
            raise SessionsUnavailable(_BUSY)
        queue.users += 1
        try:
            async with AsyncExitStack() as places:
                try:
                    async with asyncio.timeout(deadline - time.monotonic()):
                        await places.enter_async_context(queue.lock)
                        await places.enter_async_context(self._slots)
                except TimeoutError:
                    raise SessionsUnavailable(_BUSY) from None
                yield
        finally:
            queue.users -= 1
            if not queue.users:
                del self._queues[sender_id]

    @asynccontextmanager
    async def _locked(self, sender_id: str, deadline: float) -> AsyncIterator[_Held]:
        """Hold the sender's lock among processes; yields the record as it is meanwhile."""
        held = await self._acquire(sender_id, deadline)
        renewal = asyncio.create_task(self._renew(held), name="renewing a session's lock")
        release = True
        try:
            yield held
            release = not held.saved
        except SessionsUnavailable as error:
            # Away, it would only make the sender wait once more; refusing, it still answers.
            release = isinstance(error.__cause__, ResponseError)
            raise
        finally:
            renewal.cancel()
            if release:
                # Also when the turn is cancelled: the next one need not wait for the time-out.
                await asyncio.shield(self._give_back(held))

    async def _acquire(self, sender_id: str, deadline: float) -> _Held:
        keys = self._keys_of(sender_id)
        token = secrets.token_hex(16).encode()
        while True:
            try:
                acquired, *stored = await self._begin(keys=keys, args=[token, self._lock_life_ms])
            except (RedisError, OSError) as error:
                raise _unavailable("lock", error) from error
            if acquired:
                return _Held(keys, token, stored[0] if stored else None)
            if time.monotonic() + _POLL_S > deadline:
                raise SessionsUnavailable(_BUSY)
            await asyncio.sleep(_POLL_S)

    async def _renew(self, held: _Held) -> None:
        while True:
            await asyncio.sleep(self._lock_life_ms / 4000)
            try:
                if not await self._renewal(keys=held.keys, args=[held.token, self._lock_life_ms]):
                    return  # too late; the save will find out
            except (RedisError, OSError) as error:
                logger.warning("a session lock could not be renewed: %s", error)

    async def _give_back(self, held: _Held) -> None:
        try:
            await self._release(keys=held.keys, args=[held.token])
        except (RedisError, OSError) as error:
            # The lock ends by itself; what the turn itself met matters more than this.
            logger.warning("a session lock was left to its time-out: %s", error)

    async def _save(self, held: _Held, record: SessionRecord) -> None:
        """Save the record and what was said, and give back the lock."""
        record.updated_at = time.time()
        args: list[bytes | str | int] = [
            held.token,
            record.dump_bounded(),
            self._ttl_s,
            _digest(held.stored),
            record.exchange.model_dump_json() if record.exchange else "",
            # What another session under this name left is nobody's business.
            int(record.turn <= 1),
            MAX_EXCHANGES,
            MAX_TALK_BYTES,
        ]
        try:
            saved = held.saved = bool(await self._save_script(keys=held.keys, args=args))
        except (RedisError, OSError) as error:
            raise _unavailable("save", error) from error
        if not saved:
            logger.error("a turn of %r lost its lock and was not saved", record.sender_id)
            raise SessionsUnavailable(
                "Answering took too long and was not kept. Please send your message again."
            )


def _record_of(sender_id: str, stored: bytes | None) -> SessionRecord:
    """Return the record that is stored, or a new one where it cannot be read as this sender's."""
    if stored is None:
        return SessionRecord(sender_id=sender_id)
    try:
        record = SessionRecord.model_validate_json(stored)
    except ValidationError as error:
        why = str(error.errors(include_input=False, include_url=False)[:3])
    else:
        if record.sender_id == sender_id:
            return record
        why = "it belongs to another sender"
    logger.error("the session of %r cannot be read and begins anew: %s", sender_id, why)
    return SessionRecord(sender_id=sender_id)


def _exchange_of(stored: bytes) -> Exchange | None:
    """Return an exchange; None where it cannot be read."""
    try:
        return Exchange.model_validate_json(stored)
    except ValidationError as error:
        why = error.errors(include_input=False, include_url=False)[:3]
        logger.error("an exchange cannot be read and is left out: %s", why)
        return None


def _digest(stored: bytes | None) -> str:
    return "" if stored is None else hashlib.sha1(stored, usedforsecurity=False).hexdigest()


def _unavailable(what: str, error: Exception) -> SessionsUnavailable:
    logger.error("Redis failed to %s: %s", what, error)
    return SessionsUnavailable(_UNAVAILABLE)
