"""A server to be measured, and clients that cost little: what the benchmarks of serving share."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SHOWTELL = (sys.executable, "-m", "bot")
_START_S = 900  # on a busy machine the first start learns for minutes
_MARK = "------bench"
_SO_TIMESTAMPNS = 35  # Linux: the kernel says when what is read came in
_SUBJECTS = ["a dog", "two children", "a man", "a woman", "people", "a boy", "a girl", "a team"]
_DEEDS = ["running", "jumping", "sitting", "playing", "climbing", "standing", "riding", "eating"]
_PLACES = ["on a beach", "in the snow", "on a street", "in a park", "near water", "at night"]


def request_text(number: int) -> str:
    """Return one of 384 things to ask for, all of them usual."""
    rest, subject = divmod(number, len(_SUBJECTS))
    rest, deed = divmod(rest, len(_DEEDS))
    return f"{_SUBJECTS[subject]} {_DEEDS[deed]} {_PLACES[rest % len(_PLACES)]}"


@dataclass(frozen=True)
class Server:
    """A server in a process of its own."""

    url: str
    pid: int

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1."""
        return int(self.url.rpartition(":")[2])

    @property
    def workers(self) -> list[int]:
        """The processes that answer: the server itself, or those that it has started for that."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        spawned = [
            int(child)
            for child in children
            if b"multiprocessing.spawn" in Path(f"/proc/{child}/cmdline").read_bytes()
        ]
        return spawned or [self.pid]

    def rss_mb(self) -> float:
        """Return the memory that they hold, in MB; what they share counts for each."""
        held = [Path(f"/proc/{pid}/statm").read_text().split()[1] for pid in self.workers]
        return sum(map(int, held)) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_s(self) -> float:
        """Return the CPU time that they have used, in seconds."""
        used = 0
        for pid in self.workers:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used += int(fields[11]) + int(fields[12])
        return used / os.sysconf("SC_CLK_TCK")


@contextmanager
def serve(bundles: Path, data_dir: Path | None = None, **settings: str) -> Iterator[Server]:
    """Run `showtell serve` until the block ends: that of PYTHONPATH, or else of this tree.

    Args:
        bundles: the bundles directory.
        data_dir: where it keeps its caches, its Redis and its log; None takes one that is then
            removed.
        settings: more of them, by name; the user's own play no part.

    Raises:
        RuntimeError: it ended instead of listening; holds its log.
        TimeoutError: it is not ready in time.
    """
    # Both ends of each connection: ours and the server's.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as temporary:
        folder = (data_dir or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / "server.log"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [*SHOWTELL, "serve", "--bundles", str(bundles.resolve()), "--port", "0"],
                env=environment(data_dir=str(folder), log_level="ERROR", **settings),
                cwd=folder,  # `python -m` would take the code of the folder it starts in
                stderr=stderr,
            )
        try:
            server = Server(_address(process, log), process.pid)
            asyncio.run(_until_ready(server, process, log))
            yield server
        finally:
            process.terminate()
            process.wait(timeout=60)


def environment(**settings: str) -> dict[str, str]:
    """Return the environment for a `showtell` command, with these settings alone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHOWTELL_")}
    given = {f"SHOWTELL_{name.upper()}": value for name, value in settings.items()}
    return {"PYTHONPATH": str(ROOT), **kept, **given}


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return what the server says that it listens on."""
    while process.poll() is None:
        if found := re.search(r"Starting on (\S+) …", log.read_text(encoding="utf-8")):
            return found[1]
        time.sleep(0.1)
    raise _ended(process, log)


async def _until_ready(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    async with asyncio.timeout(_START_S):
        while process.poll() is None:
            answer = await Client(server.port).get("/readyz")
            if answer.status == 200:
                return
            await asyncio.sleep(0.2)
    raise _ended(process, log)


def _ended(process: subprocess.Popen[bytes], log: Path) -> RuntimeError:
    return RuntimeError(f"the server ended with {process.returncode}:\n{log.read_text()}")


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        status: of HTTP; 0 where the connection broke.
        seconds: from the first byte sent to the last one received.
        headers: lower-case names.
        body: as it was sent.
    """

    status: int
    seconds: float
    headers: Mapping[str, str]
    body: bytes


class Client:
    """One kept-alive connection; a fifth of what httpx costs, so that the server is measured.

    An answer ends when it reaches this machine, by the kernel's clock: among 3,000 clients in one
    process it can lie there for half a second before its turn to be read comes.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._arrived = 0.0  # what was last read, by the wall clock

    async def get(self, path: str) -> Answer:
        """Ask for a path."""
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    async def post(
        self, path: str, body: bytes, kind: str = "application/json", head: str = ""
    ) -> Answer:
        """Send a body."""
        start = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{head}"
        sizes = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        return await self._ask((start + sizes).encode() + body)

    async def say(self, sender: str, text: str) -> Answer:
        """Send one message of a chat, as the widget does."""
        parts = [
            f'--{_MARK}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (("sender", sender), ("text", text))
        ]
        body = "".join([*parts, f"--{_MARK}--\r\n"]).encode()
        return await self.post("/api/messages", body, f"multipart/form-data; boundary={_MARK}")

    def close(self) -> None:
        """Close the connection."""
        if self._socket:
            self._socket.close()
            self._socket = None

    async def _ask(self, request: bytes) -> Answer:
        if self._socket and _is_closed(self._socket):  # by the server, while nothing was asked
            self.close()
        started = time.time()
        try:
            if self._socket is None:
                self._socket = _connect(self._port)
            await asyncio.get_running_loop().sock_sendall(self._socket, request)
            text = await self._read_to(self._socket, lambda text: b"\r\n\r\n" in text)
            start, _, body = text.partition(b"\r\n\r\n")
            first, *lines = start.decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
            }
            size = int(headers.get("content-length", 0))
            body = await self._read_to(self._socket, lambda body: len(body) >= size, body)
        except OSError:
            self.close()
            return Answer(0, time.time() - started, {}, b"")
        if headers.get("connection") == "close":
            self.close()
        return Answer(int(first.split()[1]), self._arrived - started, headers, body)

    async def _read_to(
        self, pipe: socket.socket, is_whole: Callable[[bytes], bool], text: bytes = b""
    ) -> bytes:
        """Read on until that is all; note when the last of it came."""
        while not is_whole(text):
            await _readable(pipe)
            more, told, *_ = pipe.recvmsg(1 << 16, 64)
            if not more:
                raise ConnectionResetError
            for _, _, stamp in told:
                seconds, nanoseconds = struct.unpack("qq", stamp)
                self._arrived = seconds + nanoseconds / 1e9
            text += more
        return text


def _connect(port: int) -> socket.socket:
    """Return a connection that is being made: on one machine it stands before anything is sent."""
    pipe = socket.socket()
    pipe.setblocking(False)
    pipe.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    pipe.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    pipe.connect_ex(("127.0.0.1", port))
    return pipe


async def _readable(pipe: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    came = loop.create_future()

    def tell() -> None:
        loop.remove_reader(pipe)
        if not came.done():
            came.set_result(None)

    loop.add_reader(pipe, tell)
    try:
        await came
    finally:
        loop.remove_reader(pipe)


def _is_closed(pipe: socket.socket) -> bool:
    try:
        return not pipe.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value that this share of all stay below; None of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def milliseconds(values: Sequence[float]) -> dict[str, Any]:
    """Return count, median, 99th percentile and maximum of seconds, as milliseconds."""

    def ms(value: float | None) -> float | None:
        return None if value is None else round(1000 * value, 1)

    return {
        "count": len(values),
        "p50_ms": ms(percentile(values, 0.5)),
        "p99_ms": ms(percentile(values, 0.99)),
        "max_ms": ms(max(values, default=None)),
    }


def processor() -> str:
    """Return the name of this machine's processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{names[0] if names else 'unknown'}, {os.cpu_count()} cores"
