"""What people asked for and did not find, and which picture would have been right."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from bot.channels.answers import THUMBNAIL, image_address
from bot.channels.problems import problems
from bot.channels.services import Services, services
from bot.desk.corrections import MOST, Correction
from bot.desk.desk import Desk, asking_redis, desk
from bot.desk.downloads import correction_lines, gallery_lines, question_lines
from bot.sessions.questions import Outcome, Question
from retrieval.errors import NoBundle
from retrieval.store.protocol import Store

router = APIRouter()
At = Annotated[Desk, Depends(desk)]
Parts = Annotated[Services, Depends(services)]
QuestionId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]

Only = Literal["all", "unanswered", "disliked", "corrected"] | Outcome
_PICTURES = 12
_JSONL = "application/x-ndjson"
_A_FILE: dict[str, Any] = {
    "response_class": StreamingResponse,
    "responses": {200: {"content": {_JSONL: {}}}, **problems(503)},
}


class Shown(BaseModel):
    """A picture of the gallery."""

    id: str
    thumbnail: str
    caption: str


class Asked(BaseModel):
    """A question as the desk shows it."""

    id: str
    at: float = Field(description="When it was answered last, seconds since 1970.")
    wanted: list[str]
    excluded: list[str]
    filters: list[tuple[str, str]]
    uploaded: bool
    outcome: Outcome
    pictures: list[Shown] = Field(description="The first of those shown that are still there.")
    up: list[str]
    down: list[str]
    version: str
    correction: Correction | None


class AskedPage(BaseModel):
    """The latest questions."""

    days: int = Field(description="For which they are kept; 0 where none are.")
    total: int = Field(description="That are kept.")
    matching: int = Field(description="Of those, as many as were asked for by `only`.")
    corrections: int
    questions: list[Asked]
    orphans: list[Correction] = Field(
        description="Corrections whose question is no longer kept, with all and corrected."
    )


class Right(BaseModel):
    """Which picture would have been right."""

    image: str = Field(pattern=r"^[0-9a-f]{16}$", description="Its id.")
    caption: str = Field(
        min_length=1,
        max_length=500,
        pattern=r"^[^\x00-\x08\x0e-\x1b\x7f]*$",
        description="What it shows, in words that should find it.",
    )


@router.get("/questions", summary="What was asked for", responses=problems(422, 503))
async def questions(
    at: At,
    parts: Parts,
    only: Only = "all",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AskedPage:
    """Answer with the latest questions; unanswered are those without a confident answer."""
    kept, corrections = await _kept(at)
    matching = [one for one in kept if _is_wanted(one, only, corrections)]
    orphans = _orphans(kept, corrections) if only in ("all", "corrected") else []
    shown: dict[str, Shown] = {}
    with suppress(NoBundle), parts.live.lease() as serving:
        shown = await asyncio.to_thread(_shown, serving.bundle.store, matching[:limit])
    return AskedPage(
        days=at.questions.days,
        total=len(kept),
        matching=len(matching),
        corrections=len(corrections),
        questions=[
            Asked(
                **one.model_dump(exclude={"goes_on", "language", "shown"}),
                pictures=[shown[key] for key in one.shown if key in shown][:_PICTURES],
                correction=corrections.get(one.id),
            )
            for one in matching[:limit]
        ],
        orphans=orphans[:limit],
    )


@router.delete("/questions", summary="Forget what was asked for", responses=problems(503))
async def forget(at: At) -> dict[str, int]:
    """Remove all questions now; corrections stay."""
    with asking_redis():
        await at.questions.forget()
    return {"total": 0}


@router.put(
    "/corrections/{question}",
    summary="Say which picture is right",
    responses=problems(404, 409, 413, 422, 503),
)
async def correct(question: QuestionId, right: Right, at: At, parts: Parts) -> Correction:
    """Keep a caption for a picture of the live gallery, as the answer to a question."""
    caption = " ".join(right.caption.split())
    with parts.live.lease() as serving:
        picture = await asyncio.to_thread(serving.bundle.store.get, right.image)
    if picture is None:
        raise HTTPException(404, "There is no such picture.")
    if not caption:
        raise HTTPException(422, "caption: say what the picture shows.")
    correction = Correction(
        question=question, image=right.image, path=picture.path, caption=caption
    )
    with asking_redis():
        if not await at.corrections.save(correction):
            raise HTTPException(409, f"There are {MOST:,} corrections; download and remove some.")
    return correction


@router.delete(
    "/corrections/{question}", summary="Take a correction back", responses=problems(404, 422, 503)
)
async def uncorrect(question: QuestionId, at: At) -> dict[str, str]:
    """Remove the correction of a question."""
    with asking_redis():
        if not await at.corrections.remove(question):
            raise HTTPException(404, "There is no such correction.")
    return {"removed": question}


@router.get("/questions.jsonl", summary="Questions as a file", **_A_FILE)
async def download_questions(at: At) -> StreamingResponse:
    """Answer with one JSON object a line; with image and caption where the right one is known."""
    kept, corrections = await _kept(at)
    return _file("questions", question_lines(kept, corrections))


@router.get("/corrections.jsonl", summary="Corrections as a file", **_A_FILE)
async def download_corrections(at: At) -> StreamingResponse:
    """Answer with image and caption, a line each, as train and index read them."""
    with asking_redis():
        corrections = await at.corrections.all()
    return _file("corrections", correction_lines(corrections))


@router.get("/captions.jsonl", summary="All captions as a file", **_A_FILE)
async def download_captions(at: At, parts: Parts) -> StreamingResponse:
    """Answer with the captions of the live gallery and the corrections, as index reads them."""
    with asking_redis():
        corrections = await at.corrections.all()

    def lines() -> Iterable[str]:
        with parts.live.lease() as serving:
            yield from gallery_lines(serving.bundle.store, corrections)

    return _file("captions", lines())


async def _kept(at: Desk) -> tuple[list[Question], dict[str, Correction]]:
    with asking_redis():
        kept = await at.questions.read()
        corrections = await at.corrections.all()
    return kept, {one.question: one for one in corrections}


def _orphans(kept: Iterable[Question], corrections: dict[str, Correction]) -> list[Correction]:
    """Return the corrections that outlived their question, the latest first."""
    ids = {one.id for one in kept}
    return [one for key, one in reversed(corrections.items()) if key not in ids]


def _is_wanted(question: Question, only: Only, corrections: dict[str, Correction]) -> bool:
    if only == "all":
        return True
    if only == "disliked":
        return bool(question.down)
    if only == "corrected":
        return question.id in corrections
    if only == "unanswered":
        return question.outcome != "confident"
    return question.outcome == only


def _shown(store: Store, asked: Iterable[Question]) -> dict[str, Shown]:
    """Return by id the first pictures of some questions that are still in the gallery."""
    ids = list(dict.fromkeys(key for one in asked for key in one.shown[:_PICTURES]))
    return {one.id: one for one in shown_pictures(store, store.rows_of(ids))}


def shown_pictures(store: Store, rows: list[int]) -> list[Shown]:
    """Return pictures as the desk shows them."""
    return [
        Shown(
            id=picture.image_id,
            thumbnail=f"{image_address(picture.image_id)}?size={THUMBNAIL}",
            caption=next(iter(picture.captions), ""),
        )
        for picture in store.pictures(rows)
    ]


def _file(name: str, lines: Iterable[str]) -> StreamingResponse:
    day = time.strftime("%Y-%m-%d")
    headers = {"Content-Disposition": f'attachment; filename="{name}-{day}.jsonl"'}
    return StreamingResponse(lines, media_type=_JSONL, headers=headers)
