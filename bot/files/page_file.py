"""One file of the page as it is sent: small, and named by its content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property

from fastapi import Request
from fastapi.responses import Response

from bot.files.caching import unless_known

_HASH_LENGTH = 32
# Looked at again each time: a new release must not meet yesterday's widget.
_ASK_AGAIN = "no-cache"
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class PageFile:
    """A file that is made once, when the server starts.

    Attributes:
        content: as it is read.
        kind: its Content-Type.
    """

    content: bytes
    kind: str

    @cached_property
    def hash(self) -> str:
        """What changes when the content does."""
        return hashlib.sha256(self.content).hexdigest()[:_HASH_LENGTH]

    @cached_property
    def compressed(self) -> bytes:
        """The content by gzip, which every client reads and Python writes."""
        return gzip.compress(self.content, mtime=0)

    def answer(self, request: Request, headers: dict[str, str]) -> Response:
        """Return the file; 304 when the client has it already.

        Asked for with its own hash as `?v=`, it may be kept for good: other content has another
        address.
        """
        is_named = request.query_params.get("v") == self.hash
        headers = {
            **headers,
            "Cache-Control": _FOR_EVER if is_named else _ASK_AGAIN,
            "ETag": f'"{self.hash}"',
            "Vary": "Accept-Encoding",
        }
        content = self.content
        if "gzip" in request.headers.get("accept-encoding", ""):
            content = self.compressed
            headers |= {"Content-Encoding": "gzip", "ETag": f'"{self.hash}-gzip"'}
        return unless_known(request, Response(content, headers=headers, media_type=self.kind))
