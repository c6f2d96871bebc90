"""Rasa's REST channel, byte for byte as Rasa 3.6 serves it (recordings: tests/bot/channels)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from bot.channels.parsing import parse_json
from bot.channels.problems import SENDER, TEXT, json_body, problems
from bot.channels.rasa_wire import responses
from bot.channels.services import Services, count_address, services
from bot.dialogue.message import Message

router = APIRouter(prefix="/webhooks/rest", tags=["Rasa REST"])

DEFAULT_SENDER = "default"
# The order in which Rasa sends the parts of one utterance, after its text.
PARTS = ("custom", "image", "attachment")


def rest_items(recipient_id: str, replies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Translate a turn's replies.

    Args:
        recipient_id: the sender.
        replies: rasa-sdk's response dicts, templates resolved.

    Returns:
        Items with `recipient_id` and text (with buttons), custom, image or attachment. A text
        splits on blank lines, except one with buttons. Nothing empty is kept.
    """
    return [
        {"recipient_id": recipient_id, **item} for reply in replies for item in _reply_items(reply)
    ]


def _reply_items(reply: dict[str, Any]) -> Iterator[dict[str, Any]]:
    text, buttons = reply.get("text"), reply.get("buttons")
    if buttons:
        yield {"text": text, "buttons": buttons} if text else {"buttons": buttons}
    elif text:
        for part in text.strip().split("\n\n"):
            yield {"text": part}
    for name in PARTS:
        if reply.get(name):
            yield {name: reply[name]}


def read_message(body: dict[str, Any]) -> tuple[str, str]:
    """Return (sender, text) of Rasa's message body.

    Raises:
        HTTPException: 422; a field has the wrong type.
    """
    sender = body.get("sender")
    if sender is None:
        sender = DEFAULT_SENDER
    if isinstance(sender, bool) or not isinstance(sender, str | int):
        raise HTTPException(422, "sender must be a string.")
    message = body.get("message")
    if message is None:
        message = ""
    if not isinstance(message, str):
        raise HTTPException(422, "message must be a string.")
    return str(sender), message


@router.get("/", summary="The channel answers")
async def health() -> dict[str, str]:
    """Answer as Rasa does."""
    return {"status": "ok"}


@router.post(
    "/webhook",
    summary="One message",
    response_class=JSONResponse,
    responses=problems(408, 413, 422, 429, 503),
    dependencies=[Depends(count_address)],
    openapi_extra=json_body(
        "message", sender={"type": ["string", "integer", "null"], **SENDER}, message=TEXT
    ),
)
async def webhook(
    request: Request,
    parts: Annotated[Services, Depends(services)],
    stream: str = "false",
) -> Response:
    """Answer `{sender?, message}` with an array of items, or with one line for each of them.

    The body is read as JSON whatever its Content-Type: some of Rasa's clients send none.
    """
    sender, text = read_message(parse_json(await request.body()))
    turn = await parts.reply("rest", sender, Message(text))
    project = parts.conversation.project
    items = rest_items(sender, responses(turn.said, parts.settings.base_url, project))
    if stream.lower() in ("true", "1", "yes"):
        lines = [json.dumps(item) + "\n" for item in items]
        return StreamingResponse(iter(lines), media_type="text/event-stream")
    return JSONResponse(items)
