"""Answers that a client may have already."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response
from starlette.staticfiles import NotModifiedResponse, StaticFiles

_STATIC_FILES = StaticFiles(check_dir=False)


def unless_known(request: Request, response: Response) -> Response:
    """Return a response with an ETag, or 304 when the client has it already."""
    if _STATIC_FILES.is_not_modified(response.headers, request.headers):
        return NotModifiedResponse(response.headers)
    return response
