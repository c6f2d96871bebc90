"""The ways in: each channel translates between its own format and the one conversation."""

from __future__ import annotations

import asyncio
import json
import time
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request

from bot.conversation import Conversation, Message, Turn
from bot.errors import MessageRefused
from bot.serving import LiveBundle
from bot.sessions import SessionStore, check_sender_id
from bot.settings import Settings
from retrieval.images import open_image

if TYPE_CHECKING:
    from bot.channels.images import Thumbnails
    from bot.channels.page import PageFile
    from bot.probes import Metrics


@dataclass(frozen=True)
class Services:
    """What the routes of one app share; made and closed by its lifespan."""

    settings: Settings
    sessions: SessionStore
    live: LiveBundle
    conversation: Conversation
    metrics: Metrics
    thumbnails: Thumbnails
    page: dict[str, PageFile]

    async def reply(
        self,
        channel: str,
        sender_id: str,
        text: str,
        picture: bytes | None = None,
        filters: tuple[tuple[str, str], ...] = (),
    ) -> Turn:
        """Check a message and answer it.

        Args:
            channel: Name of the way in, for the figures.
            sender_id: Whose session this is.
            text: What was typed; may be empty when there is a picture.
            picture: Bytes of an uploaded file.
            filters: Conditions that the sender's program set, (key, value).

        Raises:
            MessageRefused: The message cannot be handled; says why.
            ImageError: The upload is no picture that can be used.
            SessionsUnavailable: Redis is away.
            NoBundle: No bundle is live.
        """
        started = time.perf_counter()
        try:
            check_sender(sender_id)
            image = None
            if picture is not None:
                limit = self.settings.max_upload_pixels
                image = await self.live.run(open_image, picture, max_pixels=limit)
            turn = await self.conversation.reply(sender_id, Message(text, image, filters))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.metrics.errors.labels(channel, type(error).__name__).inc()
            raise
        self.metrics.turns.labels(channel, turn.intent).inc()
        self.metrics.turn_seconds.labels(channel).observe(time.perf_counter() - started)
        return turn


def services(request: Request) -> Services:
    """Return what this request's app shares (a FastAPI dependency)."""
    found: Services = request.app.state.services
    return found


def check_sender(sender_id: str) -> str:
    """Return a sender id that a session can be kept under.

    Raises:
        MessageRefused: It is blank, too long, or holds control characters or broken Unicode.
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
