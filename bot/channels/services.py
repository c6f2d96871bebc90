"""What the routes of one app share, and the one way from any channel to an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from fastapi import Request
from prometheus_client import Metric
from rasa_sdk.executor import ActionExecutor

from bot.channels.guards import RateLimits
from bot.channels.parsing import check_sender
from bot.dialogue.conversation import Conversation
from bot.dialogue.message import Form, Message, Turn
from bot.errors import NotYours
from bot.live.admission import Admission
from bot.live.bundle import LiveBundle
from bot.live.originals import Originals
from bot.live.tasks import BackgroundTask
from bot.live.thumbnails import Thumbnails
from bot.sessions.store import SessionStore
from bot.settings import Settings
from bot.stages import measured
from bot.understanding.operations import Operation

logger = logging.getLogger(__name__)


class Figures(Protocol):
    """Counts turns; the server's metrics do."""

    def count_turn(
        self, channel: str, intent: str, seconds: float, stages: Mapping[str, float]
    ) -> None:
        """Count a turn that was answered, and what each of its stages took."""

    def count_failure(self, channel: str, error: Exception) -> None:
        """Count a turn that failed."""

    def collect(self) -> Iterable[Metric]:
        """Return all figures, those of all workers together."""


@dataclass(frozen=True)
class Services:
    """What the routes of one app share; made and closed by its lifespan."""

    settings: Settings
    sessions: SessionStore
    live: LiveBundle
    conversation: Conversation
    actions: ActionExecutor
    figures: Figures
    originals: Originals
    thumbnails: Thumbnails
    admission: Admission
    rates: RateLimits
    background: tuple[BackgroundTask, ...] = ()

    async def reply(
        self,
        channel: str,
        sender_id: str,
        message: Message,
        form: Form | None = None,
    ) -> Turn:
        """Check a message and answer it.

        Args:
            channel: name of the way in, for the figures.
            sender_id: whose session this is.
            message: what was sent.
            form: in which the answer is kept; None keeps none.

        Raises:
            NotYours: the conversation was begun with another secret, or must be begun with one.
            MessageRefused: the message cannot be handled; says why.
            ImageError: the upload is no picture that can be used.
            SessionsUnavailable: Redis is away.
            NoBundle: no bundle is live.
            Overloaded: it could not be answered in time.
            TooOften: this sender asks too fast.
        """
        if not (message.secret or self.settings.open_senders):
            error = NotYours("Start each conversation with a secret: send it as `secret`.")
            self.figures.count_failure(channel, error)
            raise error
        answer = partial(self.conversation.reply, sender_id, message, form)
        return await self._count(channel, sender_id, answer)

    async def carry_out(
        self, channel: str, sender_id: str, operations: Sequence[Operation], intent: str
    ) -> Turn:
        """Carry out operations that a program chose; arguments and errors as in `reply`.

        Args:
            channel: name of the way in, for the figures.
            sender_id: whose session this is.
            operations: what to do, in this order.
            intent: what they are counted as.
        """
        answer = partial(self.conversation.carry_out, sender_id, operations, intent)
        return await self._count(channel, sender_id, answer)

    async def _count(
        self, channel: str, sender_id: str, answer: Callable[[], Awaitable[Turn]]
    ) -> Turn:
        started = time.perf_counter()
        try:
            check_sender(sender_id)
            self.rates.count_sender(sender_id)
            with self.admission.turn(), measured() as stages:
                turn = await answer()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.figures.count_failure(channel, error)
            raise
        seconds = time.perf_counter() - started
        self.figures.count_turn(channel, turn.meaning.intent, seconds, stages)
        logger.info(
            "a turn by %s took %.1f ms: %s",
            channel,
            1000 * seconds,
            ", ".join(f"{name} {1000 * took:.1f}" for name, took in stages.items()),
        )
        return turn


async def services(request: Request) -> Services:
    """Return what this request's app shares.

    A FastAPI dependency; were it not async, it would be called in a thread.
    """
    found: Services = request.app.state.services
    return found


async def count_address(request: Request) -> None:
    """Count a turn for the address that it comes from (a FastAPI dependency).

    Raises:
        TooOften: there were too many.
    """
    if request.client:
        (await services(request)).rates.count_address(request.client.host)
