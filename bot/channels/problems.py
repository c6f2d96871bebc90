"""What OpenAPI says of failures, and of bodies that a route reads by itself."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

WHY = {
    400: "The body cannot be read, or the server does not answer to the name that was asked for",
    401: "No valid token",
    403: "A page of another site, or a conversation that somebody else began",
    404: "There is no such thing",
    408: "The body comes too slowly",
    409: "Refused; all stays as it was",
    413: "Too large",
    415: "Not in a form that can be read",
    422: "A field has a value that cannot be used",
    429: "Too often; Retry-After says when to try again",
    500: "Something that nobody foresaw",
    503: "Not at the moment; Retry-After says when to try again",
}


class Problem(BaseModel):
    """What every failure answers: what is wrong, as a sentence."""

    detail: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the declaration of failures, for `responses` of a route, a router or the app."""
    return {status: {"model": Problem, "description": WHY[status]} for status in statuses}


def json_body(*required: str, **properties: str) -> dict[str, Any]:
    """Return the declaration of a JSON body, for `openapi_extra` of a route that parses it itself.

    Args:
        required: names of the fields that must be there.
        properties: type of each field, in JSON Schema's words.
    """
    schema = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": list(required),
    }
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
