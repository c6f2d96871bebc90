"""What SIGTERM and Ctrl-C do before the server serves."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def ended_at_once() -> Iterator[None]:
    """End the process at once when it is told to inside this block, where nobody is served yet.

    uvicorn would first wait for the model to be loaded, and so would Python: a thread that reads
    files or imports cannot be interrupted. Loading changes nothing but caches, each file at once,
    and a Redis of our own ends by itself when nobody uses it any more (see redis_keeper).
    """
    if threading.current_thread() is not threading.main_thread():  # as in tests
        yield
        return
    before = {number: signal.signal(number, lambda *_: os._exit(0)) for number in _SIGNALS}
    # uvicorn takes signals from when it begins to import the application, and only notes them.
    servers = [getattr(handler, "__self__", None) for handler in before.values()]
    if any(getattr(server, "should_exit", False) for server in servers):
        os._exit(0)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
