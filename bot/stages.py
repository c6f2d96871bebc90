"""How long each stage of a turn takes: for the log, the figures and, where wanted, traces."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import trace

STAGES = ("wait", "understand", "encode", "rank", "save")
"""Waiting for a place and for the sender's earlier turns; reading the message; encoding what is
searched for, with whoever else waits; ranking; saving the session."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_tracer = trace.get_tracer("showtell")
_seconds: ContextVar[dict[str, float] | None] = ContextVar("seconds of each stage", default=None)


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Measure the stages of one turn; yields seconds by stage, complete when the block ends."""
    seconds: dict[str, float] = {}
    before = _seconds.set(seconds)
    try:
        with _tracer.start_as_current_span("turn"):
            yield seconds
    finally:
        _seconds.reset(before)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Count what the block takes to a stage of the turn that runs."""
    seconds = _seconds.get()
    if seconds is None:
        yield
        return
    started = time.perf_counter()
    try:
        with _tracer.start_as_current_span(name):
            yield
    finally:
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started


@contextmanager
def traced() -> Iterator[None]:
    """Send a span for each turn, with one for each of its stages below it, until the block ends.

    OpenTelemetry reads the rest from its own variables, such as OTEL_SERVICE_NAME. No span holds
    what anybody wrote.
    """
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        yield
        return
    # Lazily: the exporter takes a tenth of a second to import, and few send traces.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", "showtell")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
