"""Rasa's SocketIO channel, as Rasa 3.6 serves it with session_persistence."""

from __future__ import annotations

import json
import logging
import secrets
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any
from urllib.parse import parse_qs

import socketio
from fastapi import APIRouter
from pydantic import SecretStr
from redis.exceptions import RedisError
from socketio.async_pubsub_manager import AsyncPubSubManager

from bot.channels.parsing import check_sender
from bot.channels.rasa_wire import responses
from bot.channels.services import Services
from bot.dialogue.message import LONGEST_ID, Form, Message, Turn
from bot.errors import MessageRefused
from bot.live.news import words_on
from bot.sessions.connection import connect as connect_redis

logger = logging.getLogger(__name__)

router = APIRouter(prefix="/webhooks/socketio", tags=["Rasa SocketIO"])

PATH = "/socket.io"
# Far above the longest message with its metadata; pictures do not come this way.
LARGEST_PACKET = 256_000
# One listens, the others tell.
_CONNECTIONS = 4
_RETRY_S = 1.0


@router.get("/", summary="The channel answers")
async def health() -> dict[str, str]:
    """Answer as Rasa does; messages go over /socket.io."""
    return {"status": "ok"}


def bot_utterances(replies: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Translate a turn's replies to the payloads of `bot_uttered`.

    Args:
        replies: rasa-sdk's response dicts, templates resolved.

    Yields:
        `{"text"}` (one for each part between blank lines), with `quick_replies` where there are
        buttons (on the last part); the data of a custom message; `{"attachment"}` of an image.
        A text without buttons has `text` as its only key: some clients accept nothing else.
    """
    for reply in replies:
        buttons = reply.get("buttons")
        text_parts = (reply.get("text") or "").strip().split("\n\n")
        if buttons:
            quick = [
                {"content_type": "text", "title": button["title"], "payload": button["payload"]}
                for button in buttons
            ]
            for number, part in enumerate(text_parts, start=1):
                yield {"text": part, "quick_replies": quick if number == len(text_parts) else []}
        else:
            yield from ({"text": part} for part in text_parts if part)
        if reply.get("custom"):
            yield reply["custom"].get("data", reply["custom"])
        if reply.get("image"):
            yield {"attachment": {"type": "image", "payload": {"src": reply["image"]}}}
        if reply.get("attachment"):
            yield {"attachment": reply["attachment"]}


class Windows(AsyncPubSubManager):  # type: ignore[misc]
    """The windows of each session, at whichever server they are connected.

    What is said in a session is sent to its windows here, and told to the other servers over Redis.
    python-socketio's own manager for Redis waits up to a minute before it looks again, has no
    time-outs, and leaves its connections open.

    Args:
        redis_url: where the sessions are kept.
    """

    name = "windows"

    def __init__(self, redis_url: str) -> None:
        self._redis = connect_redis(redis_url, connections=_CONNECTIONS)
        # Channels know no databases; those who keep sessions in another one are strangers.
        settings = self._redis.get_connection_kwargs()  # type: ignore[no-untyped-call]
        database = settings.get("db", 0)
        super().__init__(channel=f"showtell:windows:{database}")

    async def close(self) -> None:
        """Stop listening and close the connections."""
        if self.server.manager_initialized:
            self.thread.cancel()
            await self.thread  # which swallows that
        await self._redis.aclose()

    async def _publish(self, data: dict[str, Any]) -> None:
        try:
            await self._redis.publish(self.channel, json.dumps(data))
        except (RedisError, OSError) as error:
            logger.warning("windows at other servers do not hear an answer: %s", error)

    async def _listen(self) -> AsyncIterator[bytes]:
        async with aclosing(words_on(self._redis, self.channel, _RETRY_S)) as words:
            async for word in words:
                if word is not None:
                    yield word


def create_socket_server(
    services: Callable[[], Services],
    explain: Callable[[Exception], str],
    windows: Windows,
    token: SecretStr | None = None,
) -> socketio.AsyncServer:
    """Return the Socket.IO server.

    Args:
        services: gives what the app shares; asked anew for each message.
        explain: turns whatever went wrong into a sentence for the user (and logs what is ours).
        windows: knows those of other servers; its owner closes it.
        token: which each connection needs, as `?token=` or as `auth: {token}`; None for none.
    """
    expected = token.get_secret_value() if token else None
    server = socketio.AsyncServer(
        client_manager=windows,
        async_mode="asgi",
        cors_allowed_origins="*",  # `Sites`, before it, lets in whom it should
        max_http_buffer_size=LARGEST_PACKET,
        # One client's messages are answered one after another, in the order they were sent.
        async_handlers=False,
    )

    def form() -> Form:
        parts = services()
        base_url, project = parts.settings.base_url, parts.conversation.project

        def write(turn: Turn) -> str:
            return json.dumps(list(bot_utterances(responses(turn.said, base_url, project))))

        return Form("socketio", write)

    async def connect(_: str, environ: dict[str, Any], auth: object = None) -> bool:
        if expected is None:
            return True
        query = parse_qs(environ.get("QUERY_STRING", "")).get("token", [""])
        given = auth.get("token") if isinstance(auth, dict) else query[0]
        return secrets.compare_digest(str(given).encode(), expected.encode())

    async def tell(sid: str, event: str, data: object) -> None:
        # Who is connected here need not be looked for elsewhere, least of all while Redis is away.
        await server.emit(event, data, to=sid, ignore_queue=True)

    async def session_request(sid: str, data: object = None) -> None:
        session_id = data.get("session_id") if isinstance(data, dict) else None
        if session_id is None:
            session_id = uuid.uuid4().hex
        try:
            session_id = _session_id(session_id)
        except MessageRefused as error:
            await tell(sid, "bot_uttered", {"text": str(error)})
            return
        await server.enter_room(sid, session_id)
        await tell(sid, "session_confirm", session_id)

    async def user_uttered(sid: str, data: object = None) -> None:
        if isinstance(data, dict) and data.get("message") in (None, ""):
            return  # a widget without a first payload sends null or nothing: nobody spoke yet
        try:
            if not isinstance(data, dict) or not isinstance(data.get("message"), str):
                raise MessageRefused("The message could not be read: send it as a text.")
            session_id = _session_id(data.get("session_id") or sid)
            await server.enter_room(sid, session_id)
            parts = services()
            message = Message(data["message"], id=_message_id(data))
            turn = await parts.reply("socketio", session_id, message, form())
        except Exception as error:  # noqa: BLE001 - explained to the user, logged by explain
            await tell(sid, "bot_uttered", {"text": explain(error)})
            return
        for utterance in json.loads(turn.written):
            await server.emit("bot_uttered", utterance, room=session_id)

    server.on("connect", connect)
    server.on("session_request", session_request)
    server.on("user_uttered", user_uttered)
    return server


def _session_id(value: object) -> str:
    """Return a session id that records can be kept under; some clients send numbers."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise MessageRefused("The session id must be a string.")
    return check_sender(str(value))


def _message_id(data: dict[str, Any]) -> str:
    """Return the id by which a client makes a message safe to repeat, if it gives one."""
    value = data.get("message_id", "")
    if not isinstance(value, str) or len(value) > LONGEST_ID:
        raise MessageRefused(f"message_id must be a text of at most {LONGEST_ID} characters.")
    return value
