"""The routes that the widget, the page and other programs use."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, HTTPException, UploadFile
from pydantic import BaseModel, Field, StringConstraints

from bot.channels.parsing import parse_json
from bot.channels.problems import problems
from bot.channels.services import Services, count_address, services
from bot.dialogue.conversation import Message, Turn, check_message
from bot.dialogue.replies import Said
from bot.sessions.record import is_search
from bot.understanding.operations import Operation
from bot.understanding.parts import ANY, FILTER_KEYS
from retrieval.errors import RetrievalError
from retrieval.search.query import Query
from retrieval.search.result import Hit
from retrieval.store.filters import check_filter

router = APIRouter(tags=["web"])
Parts = Annotated[Services, Depends(services)]

THUMBNAIL = 320
# Each filter is one more condition of one statement; nobody narrows a search by more.
MAX_FILTERS = 8
LONGEST_FILTER = 200
LONGEST_SECRET = 200
FilterKey = Annotated[str, StringConstraints(min_length=1, max_length=100)]
FilterValue = Annotated[
    str, StringConstraints(max_length=LONGEST_FILTER, pattern=r"^[^\x00-\x1f\x7f]*$")
]


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


class SearchRequest(BaseModel):
    """One stateless search."""

    text: str = ""
    k: int = Field(6, ge=1, le=100)
    filters: dict[FilterKey, FilterValue] = Field(
        {}, max_length=MAX_FILTERS, description="date, folder, tag or any metadata: value."
    )


class SearchAnswer(BaseModel):
    """The pictures that fit, best first; `confident` is false when nothing fits well."""

    hits: list[ImageObject]
    confident: bool


class About(BaseModel):
    """What the page's footer says."""

    version: str
    bundle: str
    images: int
    attribution: str
    model: str
    examples: list[str]


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
    images = [_image_object(hit) for hit in said.pictures]
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


def _image_object(hit: Hit) -> ImageObject:
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


@router.post(
    "/api/messages",
    summary="One message of a chat",
    responses=problems(408, 413, 415, 422, 429, 503),
    dependencies=[Depends(count_address)],
)
async def messages(
    parts: Parts,
    sender: Annotated[str, Form(description="Whose session; at most 200 characters.")],
    text: Annotated[str, Form(description="What was typed.")] = "",
    image: Annotated[UploadFile | None, File(description="A picture.")] = None,
    filters: Annotated[str, Form(description='JSON such as {"date": "2023"}.')] = "",
    secret: Annotated[
        str, Form(description="Of who began the conversation.", max_length=LONGEST_SECRET)
    ] = "",
) -> Answer:
    """Answer a text, a picture, or both, in the session of `sender`.

    A conversation whose first message had a `secret` takes no message without it; one that was
    begun without stays open to all who know its sender. `filters` narrows the search as words
    would: date, folder or tag; the value "any" lifts one.
    """
    picture = None
    if image is not None:
        # Browsers send an empty part without a name for a file field that was left empty.
        limit, size = parts.settings.max_upload_bytes, image.size or 0
        if size > limit:
            raise HTTPException(413, f"The picture has more than {limit:,} bytes; make it smaller.")
        if size or image.filename:
            picture = image.file  # read by the thread that decodes it: those who wait hold none
    conditions = _read_filters(filters)
    message = Message(text, picture, conditions, secret)
    return to_answer(await parts.reply("web", sender, message))


def _read_filters(text: str) -> tuple[tuple[str, str], ...]:
    """Return the filters of a form field.

    Raises:
        HTTPException: 400 for no JSON object; 422 for an unknown key, or a value that is no text
            or no date.
    """
    found = parse_json(text.encode()) if text.strip() else {}
    for key, value in found.items():
        if key not in FILTER_KEYS or not isinstance(value, str) or len(value) > LONGEST_FILTER:
            raise HTTPException(
                422,
                f"filters: give {', '.join(FILTER_KEYS)} with a text each, of at most "
                f"{LONGEST_FILTER} characters.",
            )
    _check_values((key, value) for key, value in found.items() if value != ANY)
    return tuple(found.items())


def _check_values(filters: Iterable[tuple[str, str]]) -> None:
    try:
        for key, value in filters:
            check_filter(key, value)
    except RetrievalError as error:
        raise HTTPException(422, str(error)) from None


@router.post(
    "/api/search",
    summary="One search without a session",
    responses=problems(408, 413, 422, 429, 503),
    dependencies=[Depends(count_address)],
)
async def search(parts: Parts, wanted: SearchRequest) -> SearchAnswer:
    """Answer with the pictures that fit a text best."""
    longest = parts.settings.max_text_length
    text = check_message(wanted.text, longest, nothing_else=not wanted.filters)
    query = Query(texts=(text,) if text else ())
    for key, value in wanted.filters.items():
        query = query.filter(key, value)
    _check_values(wanted.filters.items())
    with parts.admission.turn(), parts.live.lease() as serving:
        result = await serving.search(query, wanted.k)
    hits = [_image_object(hit) for hit in result.hits]
    return SearchAnswer(hits=hits, confident=result.confident is not False)


@router.get("/api/about", summary="What is served here", responses=problems(503))
async def about(parts: Parts) -> About:
    """Answer with versions, the number of pictures, and their attribution."""
    with parts.live.lease() as serving:
        bundle = serving.bundle
        return About(
            version=version("showtell"),
            bundle=bundle.version,
            images=len(bundle.store),
            attribution=bundle.store.attribution,
            model=bundle.encoder.name,
            examples=list(parts.settings.examples),
        )
