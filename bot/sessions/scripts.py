"""What Redis does at once for a turn.

One script for what belongs together: one way there and back, and one sync of the disk, which Redis
waits for at each change before it acknowledges it. KEYS are those of `keys_of`; ARGV begins with
the token of the turn.
"""

__all__ = ["BEGIN", "RELEASE", "RENEW", "SAVE", "keys_of"]


def keys_of(sender_id: str, *, in_cluster: bool = False) -> list[str]:
    """Return where a sender's lock, record and talk are kept.

    A cluster keeps keys with the same text between their first braces on one node, where one script
    reaches them; braces with nothing between them, as a sender could be called, would not do.
    """
    name = f"{{of:{sender_id}}}" if in_cluster else sender_id
    return [f"showtell:{what}:{name}" for what in ("lock", "session", "talk")]


BEGIN = """
local record = redis.call('GET', KEYS[2])
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return {1, record} end
return {0}
"""
"""Take the lock for ARGV[2] ms and read the record; {0} where somebody else holds it."""

RENEW = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
"""Keep the lock for ARGV[2] ms more; 0 where it is not ours."""

RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""
"""Give back the lock; 0 where it is not ours."""

SAVE = """
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
if holder then redis.call('DEL', KEYS[1]) end
return 1
"""
"""Keep the record ARGV[2] and what was said for ARGV[3] s and give back the lock; 0 where the turn
lost it.

What was said is the exchange ARGV[5] (or nothing), put behind the last ARGV[7] in at most ARGV[8]
bytes; ARGV[6] is 1 where a talk begins, so that another one under this name is forgotten.

A lock that nobody holds was thrown away by a full Redis: then the record must still be the one that
the turn began with, whose SHA-1 is ARGV[4].
"""
