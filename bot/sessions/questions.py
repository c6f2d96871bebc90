"""What was asked for and how it was answered, for whoever runs the chat. Off until switched on.

The senders are not kept. The same search of one sender has the same id, a keyed hash, so that
further pages and thumbs are counted with it; two searches of one sender cannot be told to be.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import redis.asyncio
from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

Outcome = Literal["confident", "closest", "nothing", "refused", "not_understood"]
"""What fits was shown; what comes closest; there was nothing; what was asked for is not there; the
message was taken for no wish at all."""

MOST = 5_000
"""So many are kept; the oldest go first."""
_KEY = "showtell:questions"
_FIELD = "question"
_DAY_S = 86_400
# What one record may hold: ten times what people write.
_MOST_TEXTS, _LONGEST_TEXT, _MOST_PICTURES = 8, 200, 24
# Beyond this Redis is too slow: turns are worth more than notes about them.
_MOST_WAITING = 200
_PAGE = 500


def _last_texts(texts: Iterable[str]) -> list[str]:
    return [text[:_LONGEST_TEXT] for text in [*texts][-_MOST_TEXTS:]]


def _last_filters(filters: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(key, value[:_LONGEST_TEXT]) for key, value in [*filters][-_MOST_TEXTS:]]


def _first_pictures(image_ids: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(image_ids))[:_MOST_PICTURES]


Texts = Annotated[list[str], BeforeValidator(_last_texts)]
Filters = Annotated[list[tuple[str, str]], BeforeValidator(_last_filters)]
Pictures = Annotated[list[str], BeforeValidator(_first_pictures)]


class Question(BaseModel):
    """One search as it stood, with what came of it, within the bounds of what is kept.

    Attributes:
        id: of this search of this sender.
        at: when it was answered last, seconds since 1970.
        wanted: in the words that were searched, oldest first.
        excluded: what was left out.
        filters: (key, value).
        uploaded: whether a picture was part of it.
        language: of the texts, where it is not the model's own.
        outcome: how it was answered; None where only a thumb was given.
        goes_on: whether it is about a search that ran before: how that was answered stays.
        shown: ids of the pictures shown, in their order.
        up: ids of those that were liked.
        down: ids of those that were not.
        version: of the bundle that answered.
    """

    id: str = ""
    at: float = Field(default_factory=time.time)
    wanted: Texts = []
    excluded: Texts = []
    filters: Filters = []
    uploaded: bool = False
    language: str | None = None
    outcome: Outcome | None = None
    goes_on: bool = False
    shown: Pictures = []
    up: Pictures = []
    down: Pictures = []
    version: str = ""

    @property
    def text(self) -> str:
        """What was wanted, in one line."""
        return ", ".join(self.wanted)


class QuestionLog:
    """Keeps questions in Redis, a stream of at most `MOST`.

    Args:
        client: its owner closes it.
        days: for which they are kept; 0 keeps none.
        secret: key of the hash that stands for a sender's search.
    """

    def __init__(self, client: redis.asyncio.Redis, days: int, secret: str) -> None:
        self.days = days
        self._redis = client
        self._secret = secret.encode()
        self._writing: set[asyncio.Task[None]] = set()

    def keep(self, sender_id: str, question: Question) -> None:
        """Keep a question, after the turn: a failure is logged and harms nothing."""
        if not self.days:
            return
        if len(self._writing) >= _MOST_WAITING:
            logger.warning("a question is not kept: %d wait for Redis", len(self._writing))
            return
        question = question.model_copy(update={"id": self._id(sender_id, question)})
        task = asyncio.create_task(self._write(question), name="keeping a question")
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def read(self) -> list[Question]:
        """Return what is kept, the latest first; a search with all its pages and thumbs is one.

        Raises:
            RedisError, OSError: Redis cannot be asked.
        """
        oldest = f"{self._oldest_ms()}-0"
        entries: list[Question] = []
        while True:
            page: Any = await self._redis.xrange(_KEY, min=oldest, count=_PAGE)
            entries += [one for _, fields in page if (one := _question_of(fields))]
            if len(page) < _PAGE:
                return _merged(entries)
            oldest = f"({page[-1][0].decode()}"

    async def forget(self) -> None:
        """Remove all questions now.

        Raises:
            RedisError, OSError: Redis cannot be asked.
        """
        await self._redis.delete(_KEY)

    async def close(self) -> None:
        """Wait for what is being written."""
        if self._writing:
            await asyncio.wait(self._writing)

    async def _write(self, question: Question) -> None:
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                pipeline.xadd(
                    _KEY, {_FIELD: question.model_dump_json()}, maxlen=MOST, approximate=False
                )
                pipeline.xtrim(_KEY, minid=self._oldest_ms(), approximate=False)
                pipeline.expire(_KEY, self.days * _DAY_S)
                await pipeline.execute()
        except (RedisError, OSError) as error:
            logger.warning("a question is not kept: %s", error)

    def _oldest_ms(self) -> int:
        """Return when the oldest was asked that may be kept; what is left when off, goes by TTL."""
        return round(1000 * (time.time() - self.days * _DAY_S)) if self.days else 0

    def _id(self, sender_id: str, question: Question) -> str:
        search = question.model_dump(include={"wanted", "excluded", "filters", "uploaded"})
        message = json.dumps([sender_id, search], sort_keys=True).encode()
        return hmac.digest(self._secret, message, hashlib.sha256).hex()[:16]


def _question_of(fields: dict[bytes, bytes]) -> Question | None:
    """Return a question; None where another version of the program wrote it."""
    try:
        return Question.model_validate_json(fields.get(_FIELD.encode(), b""))
    except ValidationError as error:
        logger.warning("a question cannot be read and is left out: %d errors", error.error_count())
        return None


def _merged(entries: Iterable[Question]) -> list[Question]:
    """Return one question for each search, the latest first.

    Args:
        entries: oldest first.
    """
    questions: dict[str, Question] = {}
    for entry in entries:
        before = questions.pop(entry.id, None)
        if before is not None and entry.goes_on:
            entry = entry.model_copy(update={"outcome": before.outcome})
        questions[entry.id] = entry
    return [one for one in reversed(questions.values()) if one.outcome is not None]
