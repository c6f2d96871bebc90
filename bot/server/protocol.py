"""HTTP/1.1 as uvicorn speaks it, with bounds on what clients may keep open and ask for at once."""

from __future__ import annotations

import asyncio
import json

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.errors import Overloaded
from bot.live.admission import Admission

HEADERS_TIMEOUT_S = 20.0
# How long a client may take nothing of its answer.
READING_TIMEOUT_S = 60.0
# How long one that was refused may take to go.
LEAVING_S = 2.0
ADMISSION = "admission"
"""Key of the app's `Admission` in its lifespan state."""
# Where turns are sent to; those of Socket.IO come over a connection that is there already.
TURNS = ("/api/messages", "/api/search", "/webhooks/rest/webhook", "/webhook", "/model/parse")
_TURN_STARTS = tuple(f"POST {path}{end}".encode() for path in TURNS for end in " ?")


class HttpProtocol(H11Protocol):
    """Close a connection that sends half its headers, does not read, or wants a turn in a crowd.

    uvicorn has no such settings, and a middleware sees no request before its headers are whole:
    such connections would stay open for ever. On h11 rather than httptools, because it bounds the
    size of headers too (64 KB).

    A turn that cannot be answered in time is refused here, by its first bytes: that takes a tenth
    of what the way through the application does, and a crowd comes all at once.
    """

    _deadline: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None
    _is_leaving = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        """Wait on while headers are incomplete; between two requests uvicorn's own timer runs."""
        if self._is_leaving or (data.startswith(_TURN_STARTS) and self._is_refused()):
            return
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

    def _is_refused(self) -> bool:
        """Refuse the turn that begins here if it could not be answered in time."""
        admission: Admission | None = self.app_state.get(ADMISSION)
        if admission is None or self.conn.their_state is not h11.IDLE:
            return False
        try:
            admission.check()
        except Overloaded as error:
            self._is_leaving = True
            self.transport.write(_refusal(error))
            # Not closed at once: a client that still sends would lose the answer with its
            # connection.
            self.transport.write_eof()
            self._stop_waiting()
            self._deadline = self.loop.call_later(LEAVING_S, self.transport.close)
            return True
        return False

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


def _refusal(error: Overloaded) -> bytes:
    body = json.dumps({"detail": str(error)})
    # Any site's page may read this: it tells nothing, and says when to try again.
    return (
        "HTTP/1.1 503 Service Unavailable\r\n"
        f"Retry-After: {error.retry_after_s}\r\n"
        "Access-Control-Allow-Origin: *\r\n"
        "Access-Control-Expose-Headers: Retry-After\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
        f"{body}"
    ).encode()
