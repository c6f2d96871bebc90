"""Answers as JSON: what the web's routes send and the history keeps."""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic import BaseModel, Field

from bot.dialogue.message import Said, Turn
from bot.sessions.record import is_search
from bot.understanding.operations import Operation
from retrieval.search.query import Hit

THUMBNAIL = 320


class ImageObject(BaseModel):
    """One picture of an answer; addresses are relative to this server."""

    id: str
    url: str
    thumbnail: str
    caption: str
    score: float
    reasons: list[str]
    width: int
    height: int


class QuickReply(BaseModel):
    """A reply to choose instead of typing: what to show, what to send."""

    title: str
    payload: str


def _is_missing(value: object) -> bool:
    return value is None


class Reply(BaseModel):
    """One thing said: a text, pictures, quick replies."""

    text: str | None = Field(None, exclude_if=_is_missing)
    images: list[ImageObject] | None = Field(None, exclude_if=_is_missing)
    quick_replies: list[QuickReply] | None = Field(None, exclude_if=_is_missing)


class Intent(BaseModel):
    """What the message was understood as."""

    name: str
    confidence: float


class Search(BaseModel):
    """The search as it stands.

    Each of its parts is taken out by the message `/drop_from_search{"<part>": <value>}`, where
    part is query, excluded, image (liked or disliked), date, folder, tag, or upload with true.
    """

    wanted: list[str] = Field(description="In the words that are searched, oldest first.")
    excluded: list[str]
    liked: list[str] = Field(description="Ids of pictures.")
    disliked: list[str] = Field(description="Ids of pictures.")
    filters: dict[str, str]
    uploaded: bool = Field(description="Whether an uploaded picture is part of it.")
    confident: bool | None = Field(
        None, description="Whether what is shown fits; null where nothing was searched yet."
    )


class Answer(BaseModel):
    """The answer to one message."""

    replies: list[Reply]
    intent: Intent
    turn: int
    search: Search | None = Field(None, description="Null where no search runs.")
    operations: list[dict[str, Any]] = Field(
        description="What the message was understood as, in order: `do`, and what belongs to it."
    )
    language: str | None = Field(
        None,
        description="Of the message, where it is not the server's own.",
        exclude_if=_is_missing,
    )


def image_address(image_id: str) -> str:
    """Return the relative address of a picture."""
    return f"/images/{image_id}"


def to_answer(turn: Turn) -> Answer:
    """Translate a turn: pictures stand with the text that announces them."""
    meaning = turn.meaning
    return Answer(
        replies=[_reply(said) for said in turn.said],
        intent=Intent(name=meaning.intent, confidence=meaning.confidence),
        turn=turn.turn,
        search=_search_as_it_stands(turn) if is_search(turn.query) else None,
        operations=[_operation(operation) for operation in meaning.operations],
        language=meaning.language,
    )


def _reply(said: Said) -> Reply:
    buttons = [QuickReply(**button) for button in said.filled.get("buttons", ())]
    buttons += [QuickReply(title=one.title, payload=one.payload) for one in said.choices]
    images = [image_object(hit) for hit in said.pictures]
    text = said.filled.get("text")
    return Reply(text=text, images=images or None, quick_replies=buttons or None)


def _search_as_it_stands(turn: Turn) -> Search:
    query = turn.query
    return Search(
        wanted=list(query.texts),
        excluded=list(query.excluded),
        liked=list(query.liked),
        disliked=list(query.disliked),
        filters=dict(query.filters),
        uploaded=query.image is not None,
        confident=turn.confident,
    )


def _operation(operation: Operation) -> dict[str, Any]:
    """Return an operation with those of its fields that say something."""
    fields = dataclasses.asdict(operation)
    return {"do": operation.do} | {name: value for name, value in fields.items() if value}


def image_object(hit: Hit) -> ImageObject:
    """Translate a picture that was found."""
    url = image_address(hit.image_id)
    return ImageObject(
        id=hit.image_id,
        url=url,
        thumbnail=f"{url}?size={THUMBNAIL}",
        caption=hit.caption,
        score=round(hit.score, 4),
        reasons=list(hit.reasons),
        width=hit.picture.width,
        height=hit.picture.height,
    )
