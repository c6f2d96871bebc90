"""What goes on now, in the figures that /metrics has too: turns, latency by stage, errors."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends
from prometheus_client import Metric
from pydantic import BaseModel, Field
from redis.asyncio import Redis

from bot.channels.problems import problems
from bot.channels.services import Services, services
from bot.desk.desk import Desk, asking_redis, desk
from bot.sessions.connection import is_cluster
from bot.sessions.scripts import keys_of
from bot.stages import STAGES

router = APIRouter()

# SCAN looks at so many keys in a step, and steps are made for so long.
_STEP, _PATIENCE_S = 2_000, 0.2

Buckets = list[tuple[float, float]]
"""Of a histogram: (upper bound in seconds, how many were at most that)."""


class Latency(BaseModel):
    """How long something took, in seconds, since the server began."""

    name: str
    count: int
    median: float | None
    p95: float | None = Field(description="95 of 100 took at most this.")


class Figures(BaseModel):
    """What goes on."""

    turns: dict[str, int] = Field(description="Answered, by channel.")
    intents: dict[str, int] = Field(description="What they were understood as, most first.")
    whole: Latency = Field(description="Of a turn as a whole.")
    stages: list[Latency]
    errors: dict[str, int] = Field(description="Turns that failed, by kind.")
    refusals: int = Field(description="Turns refused at the door: more than can be answered.")
    missing_pictures: int = Field(description="Left out of answers: their files are gone.")
    requests: dict[str, int] = Field(description="By status.")
    sessions: int
    more_sessions: bool = Field(description="Whether there are more than were counted.")


@router.get("/figures", summary="What goes on", responses=problems(503))
async def figures(
    parts: Annotated[Services, Depends(services)], at: Annotated[Desk, Depends(desk)]
) -> Figures:
    """Answer with turns, latency by stage, errors, since the server began; sessions as kept."""
    families = await asyncio.to_thread(lambda: list(parts.figures.collect()))
    with asking_redis():
        sessions, more = await _count_sessions(at.redis)
    by_name = {family.name: family for family in families}

    def counts(metric: str, label: str) -> dict[str, int]:
        return _counts(by_name[metric], label) if metric in by_name else {}

    def latency(metric: str, name: str, **labels: str) -> Latency:
        return _latency(by_name.get(metric), name, labels)

    return Figures(
        turns=counts("showtell_turns", "channel"),
        intents=counts("showtell_turns", "intent"),
        whole=latency("showtell_turn_seconds", "turn"),
        stages=[latency("showtell_stage_seconds", stage, stage=stage) for stage in STAGES],
        errors=counts("showtell_errors", "kind"),
        refusals=sum(counts("showtell_refusals", "").values()),
        missing_pictures=sum(counts("showtell_missing_pictures", "").values()),
        requests=counts("showtell_requests", "status"),
        sessions=sessions,
        more_sessions=more,
    )


def _counts(family: Metric, label: str) -> dict[str, int]:
    """Return the counts of a metric, added up by one label, the most first."""
    counts: dict[str, int] = {}
    for sample in family.samples:
        if sample.name.endswith("_total"):
            name = sample.labels.get(label, "")
            counts[name] = counts.get(name, 0) + round(sample.value)
    return dict(sorted(counts.items(), key=lambda one: -one[1]))


def _latency(family: Metric | None, name: str, labels: dict[str, str]) -> Latency:
    """Return what a histogram says of those of its samples that have some labels."""
    sums: dict[float, float] = {}
    for sample in family.samples if family else ():
        if sample.name.endswith("_bucket") and labels.items() <= sample.labels.items():
            bound = float(sample.labels["le"])
            sums[bound] = sums.get(bound, 0.0) + sample.value
    buckets = sorted(sums.items())
    count = round(buckets[-1][1]) if buckets else 0
    return Latency(
        name=name, count=count, median=quantile(buckets, 0.5), p95=quantile(buckets, 0.95)
    )


def quantile(buckets: Iterable[tuple[float, float]], share: float) -> float | None:
    """Return the value below which a share lies, as Prometheus' histogram_quantile does.

    Args:
        buckets: (upper bound, how many were at most that), ascending, the last one infinite.
        share: 0 to 1.

    Returns:
        Linear within a bucket; the last finite bound for what lies beyond it; None without values.
    """
    known = list(buckets)
    if not known or not known[-1][1]:
        return None
    wanted = share * known[-1][1]
    below, before = 0.0, 0.0
    for bound, count in known:
        if count >= wanted and count > before:
            if bound == float("inf"):
                return below
            return below + (bound - below) * (wanted - before) / (count - before)
        below, before = bound, count
    return below


async def _count_sessions(redis: Redis) -> tuple[int, bool]:
    """Return how many sessions there are, and whether there may be more."""
    pattern = keys_of("*", in_cluster=is_cluster(redis))[1]
    count = 0
    try:
        async with asyncio.timeout(_PATIENCE_S):
            async for _ in redis.scan_iter(match=pattern, count=_STEP):
                count += 1
    except TimeoutError:
        return count, True
    return count, False
