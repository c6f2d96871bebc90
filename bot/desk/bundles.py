"""Which versions of the gallery there are, which is live; take another, go back, remove one."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field

from bot.channels.parsing import parse_json
from bot.channels.problems import json_body, problems
from bot.channels.services import Services, services
from bot.desk.desk import Desk, desk
from bot.errors import UnknownVersion
from retrieval.errors import BundleLive, NoBundle

router = APIRouter()
Parts = Annotated[Services, Depends(services)]


class Recall(BaseModel):
    """What a model says of its recall@10, text to image, in percent; measured when it was made."""

    value: float | None
    data: str = Field(description="What it was measured on.")
    gain: float | None = Field(
        description="Points won by adapting it to its gallery, on captions held out."
    )


class Version(BaseModel):
    """One version of the gallery."""

    version: str
    live: bool
    size: int = Field(description="Bytes; what versions share counts in each.")
    created: datetime | None
    count: int | None = Field(description="Pictures.")
    model: str | None
    accuracy: float | None = Field(
        description="How often captions are told from things that the gallery lacks, 0.5 to 1."
    )
    recall: Recall | None
    problem: str | None = Field(description="Why it cannot be read.")


@router.get("/model", summary="The live bundle")
async def model(parts: Parts) -> dict[str, Any]:
    """Answer with the live bundle, the others, and the last refusal."""
    return await parts.live.run(parts.live.status)


@router.get("/bundles", summary="All versions of the gallery", responses=problems(503))
async def bundles(at: Annotated[Desk, Depends(desk)]) -> list[Version]:
    """Answer with what there is to know of each version, the newest first."""
    versions = await asyncio.to_thread(at.catalog.describe)
    return [Version.model_validate(one, from_attributes=True) for one in reversed(versions)]


@router.delete(
    "/bundles/{version}", summary="Remove a version", responses=problems(404, 409, 422, 503)
)
async def remove(version: str, at: Annotated[Desk, Depends(desk)]) -> dict[str, str]:
    """Remove a version for good; 409 for the live one."""
    try:
        await asyncio.to_thread(at.catalog.remove, version)
    except NoBundle as error:
        raise UnknownVersion(str(error)) from None
    except BundleLive:
        sentence = f"{version} is live. Make another version live first, then remove this one."
        raise HTTPException(409, sentence) from None
    return {"removed": version}


@router.post(
    "/reload",
    summary="Take another bundle",
    responses=problems(404, 408, 409, 413, 422),
    openapi_extra=json_body(version={"type": ["string", "null"]}, is_required=False),
)
async def reload(request: Request, parts: Parts) -> dict[str, str]:
    """Load, verify and swap in a bundle: JSON `{"version"?}`.

    Without a version: the one that CURRENT names if that is not live yet, else the newest. 409 with
    the reason when it is refused; the old one goes on serving.
    """
    body = await request.body()
    version = parse_json(body).get("version") if body else None
    if version is not None and not isinstance(version, str):
        raise HTTPException(422, "version must be a string.")
    return {"version": await parts.live.reload(version)}


@router.post("/rollback", summary="Go back to the bundle before", responses=problems(404, 409))
async def rollback(parts: Parts) -> dict[str, str]:
    """Swap in the newest bundle that is older than the live one."""
    return {"version": await parts.live.rollback()}
