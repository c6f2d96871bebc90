"""When a language model that keeps failing is left alone."""

from __future__ import annotations

from bot.rewriting.breaker import Breaker


def test_three_failures_in_a_row_begin_a_pause_that_doubles_and_a_success_ends() -> None:
    now = 0.0
    breaker = Breaker(lambda: now)
    for _ in range(2):
        breaker.failed()
    assert breaker.closed
    breaker.succeeded()
    for _ in range(3):
        breaker.failed()
    assert not breaker.closed
    now = 9.9
    assert not breaker.closed
    now = 10.0
    assert breaker.closed  # one attempt
    breaker.failed()
    now = 29.9
    assert not breaker.closed
    now = 30.0
    assert breaker.closed
    breaker.succeeded()
    breaker.failed()
    assert breaker.closed


def test_the_pause_is_never_longer_than_five_minutes() -> None:
    breaker = Breaker(lambda: now)
    now = 0.0
    for _ in range(2_000):
        breaker.failed()
    now = 300.0
    assert breaker.closed
