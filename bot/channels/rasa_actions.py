"""The Rasa action server, as rasa-sdk serves it, and the parser that a Rasa server may ask."""

from __future__ import annotations

import zlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, ValidationError
from rasa_sdk import Action, Tracker
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher
from rasa_sdk.interfaces import (
    ActionExecutionRejection,
    ActionMissingDomainException,
    ActionNotFoundException,
)

from bot.channels.parsing import check_sender, parse_json
from bot.channels.problems import TEXT, json_body, problems
from bot.channels.rasa_wire import parse_result, read_latest_message, utter
from bot.channels.services import Services, services
from bot.dialogue.conversation import Conversation
from bot.dialogue.message import Words, check_message
from bot.errors import MessageRefused, NotYours, SessionsUnavailable
from retrieval.errors import NoBundle

router = APIRouter(tags=["Rasa action server"])
Parts = Annotated[Services, Depends(services)]

# A tracker of a long conversation with its domain has some hundred kilobytes.
LARGEST_CALL = 16_000_000
MISSING_DOMAIN = 449  # rasa-sdk's number: Rasa repeats the call with its domain

# zlib's window bits: 47 finds out by itself whether it reads zlib's or gzip's header.
_ZLIB_OR_GZIP = 47


@router.get("/health", summary="The action server answers")
async def health() -> dict[str, str]:
    """Answer as rasa-sdk does."""
    return {"status": "ok"}


@router.get("/actions", summary="Names of the actions")
async def actions(parts: Parts) -> list[dict[str, str]]:
    """Answer with `[{"name"}]`."""
    return [{"name": name} for name in parts.actions.actions]


@router.post(
    "/webhook",
    summary="Run one action",
    responses={
        **problems(408, 413, 415, 422, 503),
        400: {"description": "The call cannot be read, or the action refuses to run"},
        404: {"description": "There is no such action; rasa-sdk's own body"},
        MISSING_DOMAIN: {"description": "The domain is missing; rasa-sdk's own body"},
    },
    openapi_extra=json_body(
        next_action={"type": ["string", "null"]},
        tracker={
            "type": ["object", "null"],
            "properties": {"sender_id": {"type": "string"}},
            "required": ["sender_id"],
        },
        domain={"type": ["object", "null"]},
    ),
)
async def webhook(request: Request, parts: Parts) -> JSONResponse:
    """Run the action that a Rasa server asks for; answers its events and responses."""
    body = decompress(await request.body(), request.headers.get("content-encoding", ""))
    call = check_call(parse_json(body))
    try:
        with parts.admission.turn():
            result = await parts.actions.run(call)
    except ActionExecutionRejection as error:
        return _refusal(400, error)
    except ActionNotFoundException as error:
        return _refusal(404, error)
    except ActionMissingDomainException as error:
        return _refusal(MISSING_DOMAIN, error)
    return JSONResponse(result.model_dump() if result else None)


class ShowtellAction(Action):  # type: ignore[misc]  # rasa_sdk has no types
    """Any of the project's actions: what it does, the latest message says.

    Args:
        name: under which domain and rules know it.
        conversation: answers.
        base_url: of this server.
    """

    def __init__(self, name: str, conversation: Conversation, base_url: str) -> None:
        self._name = name
        self._conversation = conversation
        self._base_url = base_url

    def name(self) -> str:
        """Return the name of the action."""
        return self._name

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Answer the latest message, in the session of its sender.

        What keeps the turn from being answered is uttered: Rasa turns errors into silence.
        """
        conversation = self._conversation
        reading = read_latest_message(tracker.latest_message, self._name, conversation.project)
        try:
            said = await conversation.act(tracker.sender_id, reading, Words(domain))
        except (SessionsUnavailable, NoBundle, MessageRefused, NotYours):
            # Logged where it was met.
            dispatcher.utter_message(response="utter_unavailable")
        else:
            utter(said, dispatcher, self._base_url)
        return []


def create_executor(conversation: Conversation, base_url: str) -> ActionExecutor:
    """Return rasa-sdk's executor with all actions of the conversation's project."""
    executor = ActionExecutor()
    for name in conversation.project.actions:
        executor.register_action(ShowtellAction(name, conversation, base_url))
    return executor


@router.post(
    "/model/parse",
    summary="What a text means",
    responses=problems(408, 413, 422, 503),
    openapi_extra=json_body("text", text=TEXT),
)
async def parse(request: Request, parts: Parts) -> dict[str, Any]:
    """Answer `{"text"}` with intent, entities and ranking, as Rasa's /model/parse."""
    text = parse_json(await request.body()).get("text")
    if not isinstance(text, str):
        raise HTTPException(422, "text must be a string.")
    text = check_message(text, parts.settings.max_text_length)
    with parts.admission.turn():
        return parse_result(await parts.conversation.read(text))


def decompress(body: bytes, encoding: str) -> bytes:
    """Return a request body without its Content-Encoding.

    Raises:
        HTTPException: 415 for an unknown encoding, 400 for damaged data, 413 for a body that
            grows beyond the limit (only that much is ever unpacked).
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("deflate", "gzip"):
        raise HTTPException(415, "Content-Encoding must be deflate, gzip or identity.")
    unpacker = zlib.decompressobj(_ZLIB_OR_GZIP)
    try:
        unpacked = unpacker.decompress(body, LARGEST_CALL + 1)
    except zlib.error:
        raise HTTPException(400, f"The body is not valid {encoding} data.") from None
    if len(unpacked) > LARGEST_CALL:
        raise HTTPException(413, f"The body unpacks to more than {LARGEST_CALL:,} bytes.")
    if not unpacker.eof:
        raise HTTPException(400, f"The body's {encoding} data are cut off.")
    return unpacked


class _Part(BaseModel):
    """A part of an action call; what is not named here is left as it is."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Intent(_Part):
    name: str | None = None
    confidence: float | None = None


class _Entity(_Part):
    entity: str


class _Latest(_Part):
    text: str | None = None
    intent: _Intent | None = None
    entities: list[_Entity] | None = None
    intent_ranking: list[_Intent] | None = None


class _Tracker(_Part):
    sender_id: str
    slots: dict[str, Any] = {}
    latest_message: _Latest | None = None
    events: list[dict[str, Any]] | None = None
    active_loop: dict[str, Any] | None = None


class _Call(_Part):
    next_action: str | None = None
    tracker: _Tracker | None = None
    domain: dict[str, Any] | None = None


def check_call(call: dict[str, Any]) -> dict[str, Any]:
    """Return an action call after checking what rasa-sdk and the actions take for granted.

    Raises:
        HTTPException: 400; names the part that is wrong.
        MessageRefused: the sender id cannot be used.
    """
    try:
        checked = _Call.model_validate(call)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise HTTPException(400, f"{place}: {first['msg']}.") from None
    if checked.next_action:
        if checked.tracker is None:
            raise HTTPException(400, "tracker: missing; an action needs the conversation.")
        check_sender(checked.tracker.sender_id)
    return call


def _refusal(
    status: int,
    error: ActionExecutionRejection | ActionNotFoundException | ActionMissingDomainException,
) -> JSONResponse:
    return JSONResponse({"error": error.message, "action_name": error.action_name}, status)
