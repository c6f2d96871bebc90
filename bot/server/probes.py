"""What machines ask: /livez, /readyz, /metrics."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from bot.channels.services import Services, services
from bot.errors import SessionsUnavailable

router = APIRouter(tags=["probes"])
Parts = Annotated[Services, Depends(services)]


@router.get("/livez", summary="The process answers")
async def livez() -> dict[str, str]:
    """Answer as long as the event loop turns."""
    return {"status": "ok"}


@router.get("/readyz", summary="Turns can be answered", responses={503: {}})
async def readyz(parts: Parts) -> JSONResponse:
    """Answer 200 when Redis answers and a bundle is live, else 503 with what is missing."""
    missing = []
    try:
        await parts.sessions.ping()
    except SessionsUnavailable:
        missing.append("Redis does not answer")
    version = parts.live.version
    if version is None:
        missing.append("no bundle is live")
    if missing:
        return JSONResponse(
            {"status": "not ready", "detail": "; ".join(missing) + "."},
            status_code=503,
            headers={"Retry-After": "5"},
        )
    return JSONResponse({"status": "ready", "bundle": version})


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Answer in Prometheus' text format."""
    return Response(request.app.state.metrics.render(), media_type=CONTENT_TYPE_LATEST)
