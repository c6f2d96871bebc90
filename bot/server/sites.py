"""Which names this server answers to, and which sites' pages may use it."""

from __future__ import annotations

import ipaddress
import logging
import re
import socket
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

_HOST = re.compile(r"(?:\[([^\]]+)\]|([^:]*))(?::\d*)?")
_LONGEST_SHOWN = 100


class Sites:
    """Refuse requests under a strange name, and those of other sites' pages.

    Without it any page that somebody opens could search a private gallery on that machine or in
    that network: as another origin, or by making its own name point there (DNS rebinding). Programs
    that are no browsers send no Origin and are not concerned. Starlette's TrustedHostMiddleware
    knows neither addresses in general nor IPv6, and answers no sentence.

    Args:
        app: what is protected.
        address: how others reach this server; its name and origin are its own.
        hosts: further names to answer to; "*" for all. Addresses, names without a dot (containers,
            localhost) and this machine's own need not be listed: nobody can rebind them.
        origins: sites that may use the chat from their pages; "*" for all.
        frames: sites that may show the page in a frame; "*" for all, none for the origins.
    """

    def __init__(
        self,
        app: ASGIApp,
        address: str,
        hosts: Collection[str],
        origins: Collection[str],
        frames: Collection[str] = (),
    ) -> None:
        own = urlsplit(address)
        machine = socket.gethostname().lower()
        self.app = app
        self.hosts = {own.hostname or "", machine, f"{machine}.local", *hosts}
        self.origins = {f"{own.scheme}://{own.netloc}".lower(), *origins}
        allowed = sorted(frames or origins)
        self.frame_policy = "" if "*" in allowed else " ".join(("frame-ancestors 'self'", *allowed))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or websocket."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", "").lower(), headers.get("origin", "").lower()
        if not self._is_own_name(host):
            await _refuse(
                scope, receive, send, 400,
                f"This server does not answer to the name {_name_of(host)[:_LONGEST_SHOWN]}: set "
                "SHOWTELL_PUBLIC_URL to the address that people use, or list the name in "
                "SHOWTELL_TRUSTED_HOSTS.",
            )  # fmt: skip
        elif not self._may_use(origin, host):
            await _refuse(
                scope, receive, send, 403,
                f"The site {origin[:_LONGEST_SHOWN]} may not use this chat: list it in "
                "SHOWTELL_CORS_ORIGINS, or set SHOWTELL_PUBLIC_URL if it is this server's own "
                "address.",
            )  # fmt: skip
        else:
            await self.app(scope, receive, self._with_frame_policy(send))

    def _is_own_name(self, host: str) -> bool:
        name = _name_of(host)
        if "*" in self.hosts or name in self.hosts or "." not in name.rstrip("."):
            return True
        with suppress(ValueError):
            return bool(ipaddress.ip_address(name))
        return name.endswith(".localhost")

    def _may_use(self, origin: str, host: str) -> bool:
        is_same_site = not origin or origin.partition("://")[2] == host
        return is_same_site or "*" in self.origins or origin in self.origins

    def _with_frame_policy(self, send: Send) -> Send:
        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start" and self.frame_policy:
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("Content-Security-Policy", self.frame_policy)
            await send(message)

        return send_marked


def _name_of(host: str) -> str:
    """Return a Host header without the port, an IPv6 address without its brackets."""
    match = _HOST.fullmatch(host)
    return (match[1] or match[2]) if match else host


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    logger.warning("refused: %s", sentence.encode("ascii", "backslashreplace").decode())
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    # The page may read this answer, which tells nothing else: its maker sees what to do, and the
    # widget tells from `concerns` that the sentence is not for who chats.
    headers = {"Access-Control-Allow-Origin": "*"}
    body = {"detail": sentence, "concerns": "operator"}
    await JSONResponse(body, status, headers)(scope, receive, send)
