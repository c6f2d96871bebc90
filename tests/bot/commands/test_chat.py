"""`showtell chat` on terminals that can show pictures, and where there is none."""

import base64
import fcntl
import io
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from PIL import Image

PATIENCE_S = 60
PROMPT = b"you>"
ASKED = b"a red circle\n"
# What a terminal is asked, and what kitty and xterm answer.
DEVICE, KITTY = rb"\x1b\[c", rb"\x1b_G[^\x1b]*a=q[^\x1b]*\x1b\\"
KITTYS = {DEVICE: b"\x1b[?62;c", KITTY: b"\x1b_Gi=1;OK\x1b\\"}
XTERMS = {DEVICE: b"\x1b[?63;1;2;4;22c"}


class Terminal:
    """A terminal with a chat in it.

    Args:
        descriptor: its own end.
        answers: what it answers to what it is asked.
    """

    def __init__(self, descriptor: int, answers: dict[bytes, bytes]) -> None:
        self._descriptor = descriptor
        self._answers = dict(answers)
        self.shown = b""

    def read_until(self, count: int, what: bytes) -> None:
        """Show what comes until something is there so often."""
        deadline = time.monotonic() + PATIENCE_S
        while self.shown.count(what) < count:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._descriptor], [], [], 0.1)[0]:
                self.shown += os.read(self._descriptor, 65_536)
            for asked in [one for one in self._answers if re.search(one, self.shown)]:
                os.write(self._descriptor, self._answers.pop(asked))

    def type(self, keys: bytes) -> None:
        os.write(self._descriptor, keys)


@contextmanager
def chatting(url: str, answers: dict[bytes, bytes], kind: str) -> Iterator[Terminal]:
    """Run the chat in a terminal of 24 rows of 80 cells, each of 10 x 20 pixels."""
    own, others = pty.openpty()
    fcntl.ioctl(others, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 800, 480))
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "chat", "--url", url],
        stdin=others,
        stdout=others,
        stderr=others,
        env={**os.environ, "TERM": kind},
        start_new_session=True,
    )
    os.close(others)
    try:
        terminal = Terminal(own, answers)
        yield terminal
        terminal.type(b"\x04")
        assert process.wait(PATIENCE_S) == 0
    finally:
        process.kill()
        process.wait()
        os.close(own)


def chat_in(url: str, answers: dict[bytes, bytes], kind: str = "xterm") -> bytes:
    """Return what is shown of an answer with pictures."""
    with chatting(url, answers, kind) as terminal:
        terminal.read_until(1, PROMPT)
        terminal.type(ASKED)
        terminal.read_until(2, PROMPT)
        return terminal.shown


def test_kitty_shows_the_pictures(server_url: str) -> None:
    shown = chat_in(server_url, KITTYS)
    chunks = re.findall(rb"\x1b_Gi=(\d+),m=[01],f=100,q=2;([^\x1b]+)\x1b\\", shown)
    sent: dict[bytes, bytes] = {}
    for number, chunk in chunks:
        sent[number] = sent.get(number, b"") + chunk
    pictures = [Image.open(io.BytesIO(base64.b64decode(one))) for one in sent.values()]
    captions = re.findall(rb"  \d\. ([^\r\n\x1b]+)", shown)
    assert captions[0] == b"a red circle"
    assert len(pictures) == len(captions)
    red, green, blue = pictures[0].convert("RGB").getpixel((pictures[0].width // 2,) * 2)
    assert red > 150 > max(green, blue)
    assert b"/images/" not in shown


def test_a_terminal_with_sixels_shows_the_pictures(server_url: str) -> None:
    shown = chat_in(server_url, XTERMS)
    assert len(re.findall(rb"\x1bP[\d;]*q", shown)) == len(re.findall(rb"  \d\. ", shown)) > 0
    assert b"/images/" not in shown


@pytest.mark.parametrize("kind", ["xterm", "dumb"])
def test_any_other_terminal_shows_addresses(server_url: str, kind: str) -> None:
    shown = chat_in(server_url, {}, kind)
    assert b"a red circle" in shown
    assert f"{server_url}/images/".encode() in shown
    assert b"\x1bP" not in shown
    if kind == "dumb":
        assert not re.search(DEVICE, shown), "it was asked what it can do"


def test_a_pipe_gets_addresses_and_is_not_asked_for_anything(server_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "chat", "--url", server_url],
        input=ASKED,
        capture_output=True,
        check=True,
    )
    assert f"{server_url}/images/".encode() in done.stdout
    assert b"\x1b" not in done.stdout
