"""Asking a language model what a message means, where the rules had to understand its words.

The rules stand: what they made of a message is carried out whenever the model does not answer, not
in time, or not usefully. So it can make understanding better and never unavailable.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

from bot.rewriting.answer import SCHEMA, Unusable, operations_of
from bot.rewriting.breaker import Breaker
from bot.rewriting.endpoint import Endpoint, EndpointFailed
from bot.rewriting.prompt import messages
from bot.sessions.record import SessionRecord
from bot.settings import Settings
from bot.understanding import operations as op
from bot.understanding.meaning import Meaning
from bot.understanding.reading import EXCLUDE, REFINE, SEARCH

__all__ = ["Rewriter", "build_rewriter"]

logger = logging.getLogger(__name__)

# What the rules read out of free words, and may have read wrongly. "More", a thumb and a greeting
# are told by their own words; the model would only take time.
_BY_WORDS = (op.Search, op.Refine, op.Replace, op.Exclude, op.Allow, op.Answer, op.Unknown)
_SURE = 0.8
_INTENTS: dict[type[op.Operation], str] = {
    op.Search: SEARCH,
    op.Refine: REFINE,
    op.Replace: REFINE,
    op.Exclude: EXCLUDE,
    op.Allow: EXCLUDE,
    op.Like: "similar_to_image",
    op.Unlike: "unlike_image",
    op.Describe: "describe_image",
    op.More: "more_images",
    op.Undo: "undo_search",
    op.Browse: "browse_gallery",
}


class Rewriter:
    """Rewrites what messages mean.

    Args:
        endpoint: the language model; None leaves every meaning as it is.
        count: told the outcome of each message that the model could have helped with: "rewritten",
            "left" to the rules, "unusable", "failed", or "skipped" while it keeps failing.
        breaker: leaves the model alone while it keeps failing.
    """

    def __init__(
        self,
        endpoint: Endpoint | None,
        count: Callable[[str], None],
        breaker: Breaker | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._count = count
        self._breaker = breaker or Breaker()

    async def rewrite(self, text: str, record: SessionRecord, meaning: Meaning) -> Meaning:
        """Return what a message means: as the model says, or as the rules said.

        Args:
            text: as it was written; a payload of a button ("/more_images") is no words.
            record: the session of its sender.
            meaning: what the rules make of it.
        """
        if self._endpoint is None or not text or text.startswith("/") or not _in_doubt(meaning):
            return meaning
        if not self._breaker.closed:
            self._count("skipped")
            return meaning
        try:
            answer = await self._endpoint.ask(messages(text, record), SCHEMA)
        except EndpointFailed as error:
            self._breaker.failed()
            self._count("failed")
            logger.warning("the language model failed, the rules answer: %s", error)
            return meaning
        self._breaker.succeeded()
        try:
            operations = operations_of(answer, record.query)
        except Unusable as error:
            self._count("unusable")
            logger.warning("the language model's answer is not used: %s", error)
            return meaning
        self._count("rewritten" if operations else "left")
        return _rewritten(meaning, operations) if operations else meaning

    async def close(self) -> None:
        """Let go of the endpoint."""
        if self._endpoint is not None:
            await self._endpoint.close()


def build_rewriter(settings: Settings, count: Callable[[str], None]) -> Rewriter:
    """Return the rewriter that the settings ask for; see `Rewriter`."""
    endpoint = settings.llm_url and Endpoint(
        settings.llm_url, settings.llm_model, settings.llm_key, settings.llm_timeout_s
    )
    return Rewriter(endpoint or None, count)


def _in_doubt(meaning: Meaning) -> bool:
    return meaning.confidence < _SURE or any(
        isinstance(one, _BY_WORDS) for one in meaning.operations
    )


def _rewritten(meaning: Meaning, operations: tuple[op.Operation, ...]) -> Meaning:
    """Put operations in the place of the rules'; the filters stay, which only rules can read."""
    filters = tuple(one for one in meaning.operations if isinstance(one, op.Filter))
    intent = _INTENTS[type(operations[0])]
    others = tuple(one for one in meaning.ranking if one[0] != intent)
    return dataclasses.replace(
        meaning,
        operations=(*operations, *filters),
        intent=intent,
        confidence=1.0,
        ranking=((intent, 1.0), *others),
    )
