"""What wraps every request: its log line and id, a limit on its body, a last resort for errors."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)
access = logging.getLogger("bot.access")

REQUEST_ID = "x-request-id"
_GOOD_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Asked every few seconds by machines: of interest only when looking closely.
QUIET_PATHS = ("/livez", "/readyz", "/metrics", "/health", "/socket.io/")
DRAIN_S = 10.0


class RequestLog:
    """Give each request an id, answer with it, and write one line when it is done.

    A client's own X-Request-ID is kept when it is harmless. `X-Content-Type-Options: nosniff`
    goes on every answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _GOOD_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status, size = 0, 0

        async def send_marked(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, send_marked)
        finally:
            # raw_path is still percent-encoded: nothing in it can break the line.
            path = (scope.get("raw_path") or scope["path"].encode()).decode("ascii", "replace")
            quiet = path.startswith(QUIET_PATHS)
            access.log(
                logging.DEBUG if quiet else logging.INFO,
                "%s %s %s %s %d bytes %.1f ms %s",
                (scope.get("client") or ("-",))[0],
                scope["method"],
                path,
                status or "no answer",
                size,
                (time.perf_counter() - started) * 1000,
                request_id,
            )


class LastResort:
    """Turn an error that nobody foresaw into a neutral 500, and log it with the request's id."""

    def __init__(self, app: ASGIApp, count: Callable[[Scope, int], None], sentence: str) -> None:
        self.app = app
        self.count = count
        self.sentence = sentence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0

        async def send_watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, send_watched)
        except Exception:
            if not status:
                request_id = scope["state"]["request_id"]
                logger.exception("request %s failed", request_id)
                status = 500
                answer = JSONResponse({"detail": self.sentence}, status_code=500)
                await answer(scope, receive, send)
                return
            raise
        finally:
            self.count(scope, status)


class BodyLimit:
    """Refuse a body that is too large, whether its length is declared or it comes in chunks.

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
        total = 0

        async def receive_counted() -> Message:
            nonlocal total
            message = await receive()
            if message["type"] == "http.request":
                total += len(message.get("body", b""))
                if total > limit:
                    await _drain(receive, limit)
                    # FastAPI and Starlette's form parser let this one exception through.
                    raise HTTPException(413, _sentence(limit), headers={"Connection": "close"})
            return message

        await self.app(scope, receive_counted, send)


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
    return JSONResponse({"detail": _sentence(limit)}, 413, headers={"Connection": "close"})
