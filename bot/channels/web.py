"""The routes that the widget, the page and other programs use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Annotated

from fastapi import (
    APIRouter,
    Depends,
    File,
    Form,
    Header,
    HTTPException,
    Query,
    Request,
    UploadFile,
)
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bot.channels.answers import Answer, ImageObject, image_object, to_answer
from bot.channels.parsing import check_sender, parse_json
from bot.channels.problems import SENDER, TEXT, problems
from bot.channels.services import Services, count_address, services
from bot.dialogue import message as dialogue
from bot.dialogue.message import LONGEST_ID, Message, check_message
from bot.sessions.talk import Exchange
from bot.understanding.reading import ANY, FILTER_KEYS
from retrieval.errors import RetrievalError
from retrieval.search import query as search_query
from retrieval.store.filters import check_filter

router = APIRouter(tags=["web"])
Parts = Annotated[Services, Depends(services)]

# Each filter is one more condition of one statement; nobody narrows a search by more.
MAX_FILTERS = 8
LONGEST_FILTER = 200
LONGEST_SECRET = 200
LONGEST_SHOWN = 500
FORM = dialogue.Form("web", lambda turn: to_answer(turn).model_dump_json())
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
FilterKey = Annotated[str, StringConstraints(min_length=1, max_length=100)]
FilterValue = Annotated[
    str, StringConstraints(max_length=LONGEST_FILTER, pattern=r"^[^\x00-\x1f\x7f]*$")
]


class SearchRequest(BaseModel):
    """One stateless search: by a text, by filters, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["text"], "properties": {"text": TEXT}},
                {"required": ["filters"], "properties": {"filters": {"minProperties": 1}}},
            ]
        }
    )

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
    """What is served: what the page's footer says, and what to ask for."""

    version: str
    bundle: str
    images: int
    attribution: str
    model: str
    examples: list[str]


class SentPicture(BaseModel):
    """A picture that came with a message."""

    jpeg: str = Field(description="Small, in base64; empty once it is no longer kept.")


class PastMessage(BaseModel):
    """One message with its answer."""

    id: str
    text: str = Field(description="As its sender saw it.")
    picture: SentPicture | None
    at: float = Field(description="When it was answered, seconds since 1970.")
    answer: Answer


class History(BaseModel):
    """What was said in a conversation, oldest first, as far as it is kept."""

    messages: list[PastMessage]
    ratings: dict[str, str] = Field(description="Thumbs by picture: up or down.")


async def _needs_form(request: Request) -> None:
    """Refuse what is no form, of which every field would be said to be missing.

    Raises:
        HTTPException: 415.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _FORMS:
        raise HTTPException(
            415,
            f"Send a form ({' or '.join(_FORMS)}), not {kind[:100] or 'a body without type'}; its "
            "fields are sender, text, image, filters, secret, message_id and shown.",
        )


@router.post(
    "/api/messages",
    summary="One message of a chat",
    response_model=Answer,
    responses=problems(408, 413, 415, 422, 429, 503),
    dependencies=[Depends(count_address), Depends(_needs_form)],
)
async def messages(
    parts: Parts,
    sender: Annotated[str, Form(description="Whose session.", json_schema_extra=SENDER)],
    text: Annotated[str, Form(description="What was typed.")] = "",
    image: Annotated[UploadFile | None, File(description="A picture.")] = None,
    filters: Annotated[str, Form(description='JSON such as {"date": "2023"}.')] = "",
    secret: Annotated[
        str, Form(description="Of who began the conversation.", max_length=LONGEST_SECRET)
    ] = "",
    message_id: Annotated[
        str,
        Form(description="Of your choice; makes it safe to send again.", max_length=LONGEST_ID),
    ] = "",
    shown: Annotated[
        str,
        Form(
            description="What its sender sees in place of the text, for the history.",
            max_length=LONGEST_SHOWN,
        ),
    ] = "",
) -> Response:
    """Answer a text, a picture, or both, in the session of `sender`.

    A message that is sent again with the same `message_id` gets the same answer as before and
    changes nothing, as long as it is among the last 20 of its conversation.

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
    message = Message(text, picture, conditions, secret, message_id, shown)
    turn = await parts.reply(FORM.channel, sender, message, FORM)
    return Response(turn.written, media_type="application/json")


@router.get(
    "/api/messages",
    summary="What was said in a chat",
    responses=problems(403, 422, 429, 503),
    dependencies=[Depends(count_address)],
)
async def history(
    parts: Parts,
    sender: Annotated[str, Query(description="Whose session.", json_schema_extra=SENDER)],
    secret: Annotated[
        str,
        Header(
            alias="X-Chat-Secret",
            description="With which the conversation was begun.",
            max_length=LONGEST_SECRET,
        ),
    ] = "",
) -> History:
    """Answer with the last messages and their answers, to who began the conversation.

    One that was begun without a secret shows its history to nobody.
    """
    record, talk = await parts.conversation.history(check_sender(sender), secret)
    messages = [_past(one, record.uploads) for one in talk if one.channel == FORM.channel]
    return History(messages=messages, ratings=record.ratings)


def _past(exchange: Exchange, uploads: Mapping[str, str]) -> PastMessage:
    picture = SentPicture(jpeg=uploads.get(exchange.picture, "")) if exchange.picture else None
    return PastMessage(
        id=exchange.id,
        text=exchange.text,
        picture=picture,
        at=exchange.at,
        answer=Answer.model_validate_json(exchange.answer),
    )


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
    query = search_query.Query(texts=(text,) if text else ())
    for key, value in wanted.filters.items():
        query = query.filter(key, value)
    _check_values(wanted.filters.items())
    with parts.admission.turn(), parts.live.lease() as serving:
        result = await serving.search(query, wanted.k)
    hits = [image_object(hit) for hit in result.hits]
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
            examples=list(parts.settings.examples) or bundle.manifest.examples,
        )
