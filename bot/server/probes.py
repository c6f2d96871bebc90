"""What machines ask: /livez, /readyz, /metrics."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from bot.channels.services import Services, services

router = APIRouter(tags=["probes"])
metrics_router = APIRouter(tags=["probes"])
Parts = Annotated[Services, Depends(services)]


@router.get("/livez", summary="The process answers")
async def livez() -> dict[str, str]:
    """Answer as long as the event loop turns."""
    return {"status": "ok"}


class Ready(BaseModel):
    """What can be answered now, and what goes on beside it."""

    status: Literal["ready", "not ready"]
    bundle: str | None
    tasks: dict[str, str]
    detail: str | None = None


@router.get(
    "/readyz",
    summary="Turns can be answered",
    response_model_exclude_none=True,
    responses={503: {"model": Ready, "description": "Not ready; `detail` says why"}},
)
async def readyz(request: Request, response: Response, parts: Parts) -> Ready:
    """Answer 200 when a turn can be kept and a bundle is live, else 503 with what is missing.

    A background task that fails does not keep turns from being answered, nor does a newer bundle
    that was refused: they are named in `detail`.
    """
    redis_problem = await request.app.state.readiness.problem()
    version = parts.live.version
    gallery_problem = await parts.live.problem()
    missing = [problem for problem in (redis_problem, gallery_problem) if problem]
    if missing:
        response.status_code = 503
        response.headers["Retry-After"] = "5"
    failing = {task.name: task.failure for task in parts.background if task.failure}
    refused = [parts.live.refused] if version and parts.live.refused else []
    told = [*missing, *refused, *(f"{name} fails and is tried again" for name in failing)]
    return Ready(
        status="not ready" if missing else "ready",
        bundle=version,
        tasks={task.name: failing.get(task.name, "running") for task in parts.background},
        detail=f"{'; '.join(told)}." if told else None,
    )


@metrics_router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
async def metrics(request: Request) -> Response:
    """Answer in Prometheus' text format."""
    return Response(request.app.state.metrics.render(), media_type=CONTENT_TYPE_LATEST)
