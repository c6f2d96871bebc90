"""The route of the map."""

from __future__ import annotations

import asyncio
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, Field

from bot.channels.problems import problems
from bot.channels.services import Services, services
from bot.desk.desk import Desk, asking_redis, desk
from bot.desk.questions import Shown, shown_pictures
from bot.desk.space import MapFailed
from bot.live.serving import MODEL_LANGUAGE, Serving
from bot.sessions.questions import Outcome, Question
from embedding.model.vectors import Vectors
from retrieval.search.signals import combine_texts
from retrieval.store.words import valid_text

router = APIRouter()

MOST_QUESTIONS = 100


class Placed(Shown):
    """A picture on the map."""

    x: float = Field(description="0 to 1.")
    y: float = Field(description="0 to 1.")


class PlacedQuestion(BaseModel):
    """A question on the map."""

    id: str
    text: str
    outcome: Outcome
    x: float
    y: float
    near: list[str] = Field(description="Ids of the pictures nearest to it, of those on the map.")


class Map(BaseModel):
    """The pictures of the live gallery, and what was asked for among them."""

    version: str
    total: int = Field(description="Pictures in the gallery; the map has 2,000 of them at most.")
    pictures: list[Placed]
    questions: list[PlacedQuestion]


@router.get("/map", summary="The map of the space", responses=problems(503))
async def draw(
    parts: Annotated[Services, Depends(services)], at: Annotated[Desk, Depends(desk)]
) -> Map:
    """Answer with the pictures and the last questions; the first time takes some seconds."""
    with asking_redis():
        kept = await at.questions.read()
    searched = [one for one in kept if one.wanted and one.outcome != "not_understood"]
    asked = searched[:MOST_QUESTIONS]
    with parts.live.lease() as serving:
        store = serving.bundle.store
        try:
            plane = await at.space.plane(serving.bundle)
        except MapFailed as error:
            raise HTTPException(503, str(error)) from None
        rows = [int(row) for row in plane.rows]
        shown = await asyncio.to_thread(shown_pictures, store, rows)
        vectors = [await _vector(serving, one) for one in asked]
    pictures = [
        Placed(**one.model_dump(), x=round(float(x), 4), y=round(float(y), 4))
        for one, (x, y) in zip(shown, plane.places, strict=True)
    ]
    questions = []
    if vectors:
        places, nearest = plane.near(np.stack(vectors))
        questions = [
            PlacedQuestion(
                id=one.id,
                text=one.text,
                outcome=one.outcome or "confident",
                x=round(float(x), 4),
                y=round(float(y), 4),
                near=[shown[place].id for place in near],
            )
            for one, (x, y), near in zip(asked, places, nearest, strict=True)
        ]
    return Map(version=serving.version, total=len(store), pictures=pictures, questions=questions)


async def _vector(serving: Serving, question: Question) -> Vectors:
    """Return what a question was searched with, (dimension,).

    One question at a time: a turn that comes in meanwhile is not kept waiting.
    """
    texts = [valid_text(text) for text in question.wanted]
    vectors = await serving.encode(texts, question.language or MODEL_LANGUAGE)
    return combine_texts(np.stack([vectors[text] for text in texts]))
