"""The operator's routes: which bundle is live, take another, go back. Bearer token only."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import SecretStr

from bot.channels.guards import needs
from bot.channels.parsing import parse_json
from bot.channels.problems import json_body, problems
from bot.channels.services import Services, services

Parts = Annotated[Services, Depends(services)]


def create_router(token: SecretStr) -> APIRouter:
    """Return the admin routes; they are only made when a token is set."""
    router = APIRouter(
        prefix="/admin",
        tags=["admin"],
        dependencies=[Depends(needs(token))],
        responses=problems(401),
    )

    @router.get("/model", summary="The live bundle")
    async def model(parts: Parts) -> dict[str, Any]:
        """Answer with the live bundle, the others, and the last refusal."""
        return await parts.live.run(parts.live.status)

    @router.post(
        "/reload",
        summary="Take another bundle",
        responses=problems(404, 408, 409, 413, 422),
        openapi_extra=json_body(version="string"),
    )
    async def reload(request: Request, parts: Parts) -> dict[str, str]:
        """Load, verify and swap in a bundle: JSON `{"version"?}`.

        Without a version: the one that CURRENT names if that is not live yet, else the newest.
        409 with the reason when it is refused; the old one goes on serving.
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

    return router
