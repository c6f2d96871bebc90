"""HTTP/1.1 as uvicorn speaks it, with bounds on what a client may keep open."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_TIMEOUT_S = 20.0
# How long a client may take nothing of its answer.
READING_TIMEOUT_S = 60.0


class HttpProtocol(H11Protocol):
    """Close a connection that sends half its headers, or does not read what it asked for.

    uvicorn has no such settings, and a middleware sees no request before its headers are whole:
    such connections would stay open for ever. On h11 rather than httptools, because it bounds the
    size of headers too (64 KB).
    """

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        """Wait on while headers are incomplete; between two requests uvicorn's own timer runs."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait_for_headers()
        else:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting()
        self._stop_watching()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for the client to read; `close` would wait with it."""
        super().pause_writing()
        self._unread = self.loop.call_later(READING_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Wait no longer: it reads."""
        super().resume_writing()
        self._stop_watching()

    def _wait_for_headers(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADERS_TIMEOUT_S, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_watching(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
