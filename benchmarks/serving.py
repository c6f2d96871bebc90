"""A server to be measured, and clients that cost little: what the benchmarks of serving share."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SHOWTELL = (sys.executable, "-m", "bot")
_START_S = 900  # on a busy machine the first start learns for minutes
_MARK = "------bench"
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

    def rss_mb(self) -> float:
        """Return the memory it holds, in MB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_s(self) -> float:
        """Return the CPU time it has used, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
    """One kept-alive connection; a fifth of what httpx costs, so that the server is measured."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pipe: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

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
        if self._pipe:
            self._pipe[1].close()
            self._pipe = None

    async def _ask(self, request: bytes) -> Answer:
        started = time.perf_counter()
        if self._pipe and self._pipe[0].at_eof():  # the server closed it while nothing was asked
            self.close()
        try:
            if self._pipe is None:
                self._pipe = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._pipe
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value
                for name, _, value in (line.partition(": ") for line in head[1:])
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return Answer(0, time.perf_counter() - started, {}, b"")
        if headers.get("connection") == "close":
            self.close()
        return Answer(int(head[0].split()[1]), time.perf_counter() - started, headers, body)


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
