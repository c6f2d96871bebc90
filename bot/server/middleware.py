"""What wraps every request: its path, log line and id, one form for failures, a last resort."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.server import logs
from bot.server.errors import finish

logger = logging.getLogger(__name__)
access = logging.getLogger("bot.access")

REQUEST_ID = "x-request-id"
_GOOD_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Asked every few seconds by machines: of interest only when looking closely.
QUIET_PATHS = ("/livez", "/readyz", "/metrics", "/health", "/socket.io/")


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
        logs.request_id.set(request_id)  # a request has a context of its own
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


class AtRoot:
    """Take off the path under which a proxy publishes this server, if the proxy left it on.

    Args:
        app: what answers as if it stood at the root.
        prefix: such as /bot; empty for none.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or websocket."""
        path: str = scope.get("path", "")
        if self.prefix and path.startswith(f"{self.prefix}/"):
            raw: bytes = scope.get("raw_path") or path.encode()
            scope["path"] = path.removeprefix(self.prefix)
            scope["raw_path"] = raw.removeprefix(self.prefix.encode())
        await self.app(scope, receive, send)


class BelowPath:
    """Tell the routes under which path they are published: /docs and the schema name it.

    Args:
        app: the routes.
        prefix: such as /bot; empty for none.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or websocket."""
        if self.prefix and scope["type"] in ("http", "websocket"):
            path = f"{self.prefix}{scope['path']}"  # ASGI's path has its root in it
            scope = {**scope, "root_path": self.prefix, "path": path}
        await self.app(scope, receive, send)


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


class OneForm:
    """Give failures of Starlette's own, which are plain text, the form of all others.

    So answer its CORS middleware and its file responses, past every exception handler.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        held: Message | None = None  # the start of a plain text, which says how long it is
        text = b""

        async def send_formed(message: Message) -> None:
            nonlocal held, text
            if message["type"] == "http.response.start" and _is_plain_failure(message):
                held = message
            elif held is None:
                await send(message)
            else:
                text += message.get("body", b"")
                if not message.get("more_body"):
                    sentence = text.decode() or HTTPStatus(held["status"]).phrase
                    await _start_again(held, sentence)(scope, receive, send)

        await self.app(scope, receive, send_formed if scope["type"] == "http" else send)


def _is_plain_failure(start: Message) -> bool:
    kind = Headers(raw=start["headers"]).get("content-type", "")
    return start["status"] >= HTTPStatus.BAD_REQUEST and kind.startswith("text/plain")


def _start_again(start: Message, sentence: str) -> Response:
    """Return the JSON answer for a plain one, with what else its headers say."""
    headers = MutableHeaders(raw=start["headers"])
    del headers["content-type"], headers["content-length"]
    return JSONResponse({"detail": finish(sentence)}, start["status"], headers)
