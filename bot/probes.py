"""What machines ask: /livez, /readyz, /metrics."""

from __future__ import annotations

import os
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import JSONResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from bot.channels import Services, services
from bot.errors import SessionsUnavailable

router = APIRouter(tags=["probes"])
Parts = Annotated[Services, Depends(services)]


class Metrics:
    """The figures of one app, in a registry of its own.

    With several workers and PROMETHEUS_MULTIPROC_DIR set, /metrics sums over all of them.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.turns = Counter(
            "showtell_turns", "Turns answered.", ["channel", "intent"], registry=self.registry
        )
        self.turn_seconds = Histogram(
            "showtell_turn_seconds",
            "Time of one turn, waiting for the sender's earlier turns included.",
            ["channel"],
            registry=self.registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self.errors = Counter(
            "showtell_errors",
            "Turns that failed, by kind.",
            ["channel", "kind"],
            registry=self.registry,
        )
        self.requests = Counter(
            "showtell_requests", "Requests answered.", ["method", "status"], registry=self.registry
        )
        self.loads = Counter(
            "showtell_bundle_loads",
            "Bundles loaded or refused.",
            ["outcome"],
            registry=self.registry,
        )
        self._version: str | None = None
        self.bundle = Gauge(
            "showtell_bundle_info",
            "1 for the live bundle, 0 for earlier ones.",
            ["version"],
            registry=self.registry,
            multiprocess_mode="livemax",
        )

    def count_load(self, version: str, outcome: str) -> None:
        """Count a bundle that was loaded ("live") or refused ("refused")."""
        self.loads.labels(outcome).inc()
        if outcome == "live":
            if self._version:
                self.bundle.labels(self._version).set(0)
            self._version = version
            self.bundle.labels(version).set(1)

    def render(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


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
async def metrics(parts: Parts) -> Response:
    """Answer in Prometheus' text format."""
    return Response(parts.metrics.render(), media_type=CONTENT_TYPE_LATEST)
