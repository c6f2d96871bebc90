"""The end of a turn in Redis: its record and what was said, both or neither."""

from __future__ import annotations

import hashlib
import time

import redis.asyncio

from bot.sessions.record import SessionRecord
from bot.sessions.talk import MAX_EXCHANGES, MAX_TALK_BYTES

_SAVE = """
local holder = redis.call('GET', KEYS[1])
if holder ~= ARGV[1] then
  local now = redis.call('GET', KEYS[2])
  if holder or (now and redis.sha1hex(now) or '') ~= ARGV[4] then return 0 end
end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
if ARGV[6] == '1' then redis.call('DEL', KEYS[3]) end
if ARGV[5] ~= '' then
  redis.call('RPUSH', KEYS[3], ARGV[5])
  redis.call('LTRIM', KEYS[3], -tonumber(ARGV[7]), -1)
  local talk, bytes = redis.call('LRANGE', KEYS[3], 0, -1), 0
  for i = #talk, 1, -1 do
    bytes = bytes + #talk[i]
    if bytes > tonumber(ARGV[8]) then
      redis.call('LTRIM', KEYS[3], i, -1)
      break
    end
  end
end
redis.call('EXPIRE', KEYS[3], ARGV[3])
return 1
"""


class Saving:
    """Saves turns, as long as they hold their sender's lock.

    Args:
        client: of the Redis that keeps the sessions.
    """

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self._script = client.register_script(_SAVE)

    async def save(
        self, token: str, record: SessionRecord, before: bytes | None, ttl_s: int
    ) -> bool:
        """Save a turn; False if its sender was lost to another turn.

        Args:
            token: of the lock that it holds.
            record: as the turn left it.
            before: the record as it was stored when the turn began.
            ttl_s: seconds for which it is kept.
        """
        record.updated_at = time.time()
        saved = await self._script(
            keys=[key(record.sender_id) for key in (lock_key, session_key, talk_key)],
            args=[
                token,
                record.dump_bounded(),
                ttl_s,
                _digest(before),
                record.exchange.model_dump_json() if record.exchange else "",
                # What another session under this name left is nobody's business.
                int(record.turn <= 1),
                MAX_EXCHANGES,
                MAX_TALK_BYTES,
            ],
        )
        return bool(saved)


def _digest(stored: bytes | None) -> str:
    return "" if stored is None else hashlib.sha1(stored, usedforsecurity=False).hexdigest()


def lock_key(sender_id: str) -> str:
    """Where it stands who answers a sender."""
    return f"showtell:lock:{sender_id}"


def session_key(sender_id: str) -> str:
    """Where a sender's record is kept."""
    return f"showtell:session:{sender_id}"


def talk_key(sender_id: str) -> str:
    """Where it is kept what was said with a sender."""
    return f"showtell:talk:{sender_id}"
