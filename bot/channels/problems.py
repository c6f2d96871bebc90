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


_CONTROL = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_ALL_CONTROL = r"\x00-\x1f\x7f-\x9f"
TEXT: dict[str, Any] = {"pattern": rf"^[^{_CONTROL}]*[^\s{_ALL_CONTROL}][^{_CONTROL}]*$"}
"""What a text must be beside a string; see dialogue.message.check_message."""
SENDER: dict[str, Any] = {
    "pattern": rf"^[^{_ALL_CONTROL}]*[^\s{_ALL_CONTROL}][^{_ALL_CONTROL}]*$",
    "maxLength": 200,
}
"""What a sender must be beside a string; see parsing.check_sender."""


class Problem(BaseModel):
    """What every failure answers: what is wrong, as a sentence."""

    detail: str


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the declaration of failures, for `responses` of a route, a router or the app."""
    return {status: {"model": Problem, "description": WHY[status]} for status in statuses}


def json_body(
    *required: str, is_required: bool = True, **properties: str | dict[str, Any]
) -> dict[str, Any]:
    """Return the declaration of a JSON body, for `openapi_extra` of a route that parses it itself.

    Args:
        required: names of the fields that must be there.
        is_required: whether a body must be sent.
        properties: type of each field, in JSON Schema's words, or all that is said of it; of a
            string its type may be left out.
    """
    kinds = {
        name: {"type": kind} if isinstance(kind, str) else {"type": "string", **kind}
        for name, kind in properties.items()
    }
    schema = {"type": "object", "properties": kinds, "required": list(required)}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": is_required, "content": content}}
