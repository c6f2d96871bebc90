"""What each stage of a turn takes."""

import asyncio

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bot import stages
from bot.stages import measured, stage


def test_stages_are_added_up_for_the_turn_that_runs_and_for_no_other():
    async def turn(name):
        with measured() as seconds:
            for _ in range(2):
                with stage(name):
                    await asyncio.sleep(0.01)
        return seconds

    async def play():
        return await asyncio.gather(turn("rank"), turn("save"))

    ranked, saved = asyncio.run(play())
    assert (list(ranked), list(saved)) == (["rank"], ["save"])
    assert ranked["rank"] >= 0.02


def test_outside_of_a_turn_nothing_is_measured():
    with stage("rank"):
        pass


def test_what_fails_is_measured_too():
    with measured() as seconds, pytest.raises(ZeroDivisionError), stage("rank"):
        _ = 1 / 0
    assert seconds["rank"] > 0


def test_a_turn_is_a_span_with_its_stages_below_it(monkeypatch):
    sent = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(sent))
    monkeypatch.setattr(stages, "_tracer", provider.get_tracer("showtell"))
    with measured(), stage("encode"):
        pass
    encode, turn = sent.get_finished_spans()
    assert (encode.name, turn.name) == ("encode", "turn")
    assert encode.parent.span_id == turn.context.span_id
    provider.shutdown()
