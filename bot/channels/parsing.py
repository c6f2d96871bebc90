"""Checks of what comes in raw, before any channel reads it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from fastapi import HTTPException

from bot.errors import MessageRefused
from bot.sessions.store import check_sender_id


def check_sender(sender_id: str) -> str:
    """Return a sender id that a session can be kept under.

    Raises:
        MessageRefused: it is blank, too long, or holds control characters or broken Unicode.
    """
    check_sender_id(sender_id.strip())
    for character in sender_id:
        if unicodedata.category(character) == "Cc":
            raise MessageRefused(
                f"The sender has the control character U+{ord(character):04X}; send plain text."
            )
    return sender_id


def parse_json(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a raw body, whatever its Content-Type says.

    Raises:
        HTTPException: 400; it is no JSON object.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "The body is not valid JSON.") from None
    if not isinstance(value, dict):
        raise HTTPException(400, "The body must be a JSON object.")
    return value
