"""The figures of one app, for Prometheus."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector


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
        self.stage_seconds = Histogram(
            "showtell_stage_seconds",
            "Time of each stage of a turn: wait, understand, encode, rank, save.",
            ["stage"],
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
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
        self.background_failures = Counter(
            "showtell_background_failures",
            "Times that a background task failed and was begun again.",
            ["task"],
            registry=self.registry,
        )
        self.refusals = Counter(
            "showtell_refusals",
            "Turns refused at the door because they could not be answered in time.",
            registry=self.registry,
        )
        self.missing_pictures = Counter(
            "showtell_missing_pictures",
            "Times that a picture was left out of an answer because its file cannot be read.",
            registry=self.registry,
        )
        self.rewrites = Counter(
            "showtell_rewrites",
            "Messages that the language model was there for, by outcome.",
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

    def count_turn(
        self, channel: str, intent: str, seconds: float, stages: Mapping[str, float]
    ) -> None:
        """Count a turn that was answered, and what each of its stages took."""
        self.turns.labels(channel, intent).inc()
        self.turn_seconds.labels(channel).observe(seconds)
        for name, took in stages.items():
            self.stage_seconds.labels(name).observe(took)

    def count_failure(self, channel: str, error: Exception) -> None:
        """Count a turn that failed."""
        self.errors.labels(channel, type(error).__name__).inc()

    def count_background_failure(self, task: str) -> None:
        """Count a background task that failed and is begun again."""
        self.background_failures.labels(task).inc()

    def count_rewrite(self, outcome: str) -> None:
        """Count what came of asking the language model."""
        self.rewrites.labels(outcome).inc()

    def count_load(self, version: str, outcome: str) -> None:
        """Count a bundle that was loaded ("live") or refused ("refused")."""
        self.loads.labels(outcome).inc()
        if outcome == "live":
            if self._version:
                self.bundle.labels(self._version).set(0)
            self._version = version
            self.bundle.labels(version).set(1)

    def collect(self) -> Iterable[Metric]:
        """Return all figures, those of all workers together."""
        return self._together().collect()

    def render(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._together())

    def _together(self) -> CollectorRegistry:
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return self.registry
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return together
