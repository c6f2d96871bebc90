"""Keeps one redis-server running over a folder for as long as anybody uses it.

A program of its own, with nothing but the standard library, started by `EmbeddedRedis`:

    python redis_keeper.py REDIS_SERVER FOLDER SOCKET

Whoever uses the folder holds a shared lock on its `redis.users`. The kernel drops that lock when
the user ends, even by SIGKILL, and then this program gets the exclusive one, ends Redis, and ends.
Until then a Redis that was killed, or that left a full disk, is started again. A parent could not
do this: a second server on the folder would lose Redis with the first, and SIGKILL leaves orphans.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

USERS = "redis.users"
KEEPER = "redis.keeper"
LOG = "redis.log"
STOP_TIMEOUT_S = 10.0
_LOOK_EVERY_S = 0.1
_LONGEST_PAUSE_S = 2.0


def try_lock(file: IO[bytes]) -> bool:
    """Take the exclusive lock of a file, or what is left of it for others: False."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def ask(address: Path, command: bytes) -> bytes:
    """Return what the server at a Unix socket answers to an inline command; b"" if it does not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(os.fspath(address))
            connection.sendall(command + b"\r\n")
            return connection.recv(1000)
        except OSError:
            return b""


def answers(address: Path) -> bool:
    """Tell whether a Redis serves at a Unix socket; one that still reads its file does not."""
    return ask(address, b"PING").startswith(b"+PONG")


def end(address: Path) -> None:
    """End the Redis at a Unix socket, if there is one."""
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while answers(address) and time.monotonic() < deadline:
        ask(address, b"SHUTDOWN NOSAVE")


def start(server: str, folder: Path, address: Path) -> subprocess.Popen[bytes]:
    """Start a redis-server that syncs each write before it acknowledges it."""
    options = {
        "port": "0",
        "unixsocket": str(address),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
        "daemonize": "no",
        "logfile": str(folder / LOG),
        "loglevel": "notice",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    address.unlink(missing_ok=True)
    return subprocess.Popen([server, *arguments])  # noqa: S603 - our own command, no shell


def keep(server: str, folder: Path, address: Path, users: IO[bytes]) -> None:
    """Run Redis until the last user is gone; give up if it cannot even start."""
    process = start(server, folder, address)
    has_served = False
    pause = _LOOK_EVERY_S
    while not try_lock(users):
        time.sleep(_LOOK_EVERY_S)
        if process.poll() is None:
            has_served = has_served or answers(address)
            continue
        if not has_served and process.returncode > 0:
            return  # one that was killed may have served since the last look
        with (folder / LOG).open("a") as log:
            log.write(f"showtell: Redis ended with {process.returncode} and is started again\n")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_S)
        process = start(server, folder, address)
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main(server: str, folder: Path, address: Path) -> None:
    """Keep Redis, unless another keeper of the folder does."""
    with (folder / USERS).open("ab") as users, (folder / KEEPER).open("ab") as keeper:
        # The caller goes on as soon as one keeper holds its lock; a fork shares it.
        if not try_lock(keeper) or os.fork():
            return
        # Whoever ends all processes at once (systemd, a terminal) still wants turns to be saved.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        end(address)  # one whose keeper was killed
        keep(server, folder, address, users)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
