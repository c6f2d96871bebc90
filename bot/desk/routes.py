"""All routes of the desk, below /admin and behind its token; the page itself tells nothing."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from pydantic import SecretStr

from bot.channels.guards import needs
from bot.channels.problems import problems
from bot.desk import bundles, figures, index, page, questions, space_routes


def create_router(token: SecretStr) -> APIRouter:
    """Return the desk's routes; they are only made when a token is set."""
    behind_token = APIRouter(
        prefix="/admin",
        tags=["admin"],
        dependencies=[Depends(needs(token))],
        responses=problems(401),
    )
    for part in (bundles, index, figures, questions, space_routes):
        behind_token.include_router(part.router)
    router = APIRouter()
    router.include_router(behind_token)
    router.include_router(page.router)
    return router
