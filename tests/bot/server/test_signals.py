"""A server that is told to end while it is loading, whenever that is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Loading takes a minute; the signal comes before it, or in its midst.
PROGRAM = """
import os, signal, sys, threading, time
from contextlib import asynccontextmanager
import uvicorn
from bot.server.signals import ended_at_once

def tell():
    os.kill(os.getpid(), signal.SIGTERM)

@asynccontextmanager
async def lifespan(app):
    if sys.argv[1] == "before":
        tell()
    with ended_at_once():
        threading.Timer(0.2, tell).start()
        time.sleep(60)
    yield

from starlette.applications import Starlette
uvicorn.run(Starlette(lifespan=lifespan), port=0)
"""


@pytest.mark.parametrize("when", ["before", "during"])
def test_who_is_told_to_end_before_or_while_loading_ends_at_once(when: str) -> None:
    command = [sys.executable, "-c", PROGRAM, when]
    done = subprocess.run(command, cwd=ROOT, timeout=30, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
