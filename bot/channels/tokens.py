"""Doors that open to who knows a token."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from fastapi import HTTPException, Request
from pydantic import SecretStr


def needs(token: SecretStr, *, in_query: bool = False) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that lets in requests with a bearer token.

    Args:
        token: the one.
        in_query: also take it as `?token=`, as Rasa sends the one of its `endpoints.yml`.

    Raises:
        HTTPException: 401, by the dependency.
    """
    expected = token.get_secret_value().encode()

    async def check(request: Request) -> None:
        # Header values come as Latin-1; back to the bytes that were sent, so that any token works.
        header = request.headers.get("authorization", "").encode("latin-1")
        scheme, _, given = header.partition(b" ")
        if in_query and not header:
            scheme, given = b"bearer", request.query_params.get("token", "").encode()
        if scheme.lower() != b"bearer" or not secrets.compare_digest(given.strip(), expected):
            raise HTTPException(
                401, "A valid bearer token is needed.", headers={"WWW-Authenticate": "Bearer"}
            )

    return check
