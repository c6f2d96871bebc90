"""Bounds on what a client sends: how much, and how slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DRAIN_S = 10.0
# A body has so long, and a second more for each so many bytes of it that have come: 20 MB at 80
# kbit/s still get through, a byte now and then does not.
BODY_S = 20.0
BODY_BYTES_PER_S = 10_000
_CLOSE = {"Connection": "close"}


class BodyLimit:
    """Refuse a body that is too large or comes too slowly, its length declared or not.

    Args:
        app: what is protected.
        default: most bytes for any path.
        limits: other limits, by path.
    """

    def __init__(self, app: ASGIApp, default: int, limits: Mapping[str, int]) -> None:
        self.app = app
        self.default = default
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.limits.get(scope["path"], self.default)
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > limit:
            if int(declared) <= 2 * limit:
                await _drain(receive, 2 * limit)
            await _too_large(limit)(scope, receive, send)
            return
        await self.app(scope, _Body(receive, limit).receive, send)


class _Body:
    """The body of one request while it comes in."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._total = 0
        self._is_whole = False
        self._started = asyncio.get_running_loop().time()

    async def receive(self) -> Message:
        """Return the next part, or word that the client is gone.

        Raises:
            HTTPException: 413, too large; 408, too slow. The one exception that FastAPI and
                Starlette's form parser let through.
        """
        if self._is_whole:  # what comes now is the end of the connection, and may take its time
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._started + BODY_S + self._total / BODY_BYTES_PER_S):
                message = await self._receive()
        except TimeoutError:
            sentence = "The request came in too slowly; send it again over a better connection."
            raise HTTPException(408, sentence, headers=_CLOSE) from None
        self._total += len(message.get("body", b""))
        self._is_whole = not message.get("more_body")
        if self._total > self._limit:
            await _drain(self._receive, self._limit)
            raise HTTPException(413, _sentence(self._limit), headers=_CLOSE)
        return message


async def _drain(receive: Receive, most: int) -> None:
    """Throw away what the client is still sending, within bounds.

    A client that is cut off while it sends sees a broken connection instead of the answer.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_S):
            while most > 0:
                message = await receive()
                most -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return


def _sentence(limit: int) -> str:
    return f"The request is larger than the {limit:,} bytes allowed here; make it smaller."


def _too_large(limit: int) -> Response:
    return JSONResponse({"detail": _sentence(limit)}, 413, headers=_CLOSE)
