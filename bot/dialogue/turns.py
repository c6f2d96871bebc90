"""The turn that runs now, for the actions: rasa_sdk hands them only its own three arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from bot.live.bundle import Serving
from bot.sessions.record import SessionRecord
from bot.settings import Settings

_running: ContextVar[OpenTurn] = ContextVar("running turn")


@dataclass(frozen=True)
class OpenTurn:
    """One turn while it is answered.

    Attributes:
        record: The sender's session; actions change it.
        serving: The bundle leased for the whole turn.
        run: Runs blocking work in the serving threads (`LiveBundle.run`).
        settings: The server's settings.
        upload: Key, in the record's uploads, of a picture that came with the message.
    """

    record: SessionRecord
    serving: Serving
    run: Callable[..., Awaitable[Any]]
    settings: Settings
    upload: str | None = None


@contextmanager
def open_turn(turn: OpenTurn) -> Iterator[OpenTurn]:
    """Make `turn` the running one of this task until the block ends."""
    token = _running.set(turn)
    try:
        yield turn
    finally:
        _running.reset(token)


def running_turn() -> OpenTurn:
    """Return the turn that an action is to answer.

    Raises:
        LookupError: The action was run outside of `open_turn`.
    """
    return _running.get()
