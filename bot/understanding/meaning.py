"""What a message means in its session. This is the one place that decides it.

A reading says what the words say; the words alone often do not tell ("a red one", "the dog is
white"). The session does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

from bot.sessions.record import SessionRecord
from bot.understanding import operations as op
from bot.understanding.operations import Operation
from bot.understanding.reading import EXCLUDE, REFINE, SEARCH, Reading, plain_text
from retrieval.store.filters import DATE, FOLDER, TAG

__all__ = ["ANY", "FILTER_KEYS", "LONGEST_TEXT", "Closeness", "Meaning", "decide"]

FILTER_KEYS = (DATE, FOLDER, TAG)
ANY = "any"
"""The value of a filter entity that lifts the filters of its key."""
LONGEST_TEXT = 500

Closeness = Callable[[str, Sequence[str]], float]
"""How close a text is in meaning to the closest of others: standard deviations of the cosines of
unrelated texts above their mean, so that it says the same with every encoder."""

_LONGEST_ID = 64
_MOST_POSITIONS = 24
# A bare fragment at least this likely to be a refinement is one while a search runs.
_REFINE_SHARE = 0.3
_SHORT_WORDS = 4
# A bare sentence in doubt refines a search that it is close to, and begins one where it is far
# off, as captions of one picture and of two differ.
_DOUBT = 0.03
_CLOSE, _FAR = 3.4, 1.1
# So many of the running search's texts a sentence in doubt is compared with.
_COMPARED_TEXTS = 4


@dataclass(frozen=True)
class Meaning:
    """What one message means.

    Attributes:
        operations: what to do, in this order.
        intent: what the message was taken for, as the session settled it.
        confidence: how sure that is, 0 to 1.
        ranking: all intents with their probabilities, the settled one first.
    """

    operations: tuple[Operation, ...]
    intent: str
    confidence: float = 1.0
    ranking: tuple[tuple[str, float], ...] = field(default=(), repr=False)


def decide(
    reading: Reading,
    record: SessionRecord,
    closeness: Closeness,
    upload: str | None = None,
) -> Meaning:
    """Return what a message means in its session.

    Args:
        reading: what its words say; a text that is empty came with a picture, filters, or both.
        record: the session of its sender.
        closeness: asked only where nothing else tells.
        upload: key of a picture that came with the message.
    """
    settled = reading.settled(_settle(reading, record, closeness, upload))
    make = _MAKERS.get(settled.intent, _unknown)
    operations = make(_Parts.of(settled, upload))
    return Meaning(tuple(operations), settled.intent, settled.confidence, settled.ranking)


def _settle(
    reading: Reading, record: SessionRecord, closeness: Closeness, upload: str | None
) -> str:
    """Return the intent that the session makes of a reading.

    What was understood from the words alone stands, but for these:
    - a message with a picture searches by that picture, its words beside it;
    - where no search runs there is nothing to refine: a fragment is a search ("on a beach");
    - while a search runs, a short text that is content throughout ("a red one") refines it when
      the words make that likely enough;
    - a longer one in doubt ("the dog is white") refines a search that it is close to in meaning.
    """
    if upload is not None:
        return SEARCH
    if not reading.text:  # filters alone
        return REFINE if record.searching else SEARCH
    if reading.intent == REFINE and not record.searching:
        return SEARCH
    if not (record.searching and reading.intent in (SEARCH, REFINE) and _is_bare(reading)):
        return reading.intent
    refine, search = reading.share(REFINE), reading.share(SEARCH)
    likely = refine / (refine + search) if refine else 0.0
    words = len(reading.text.split())
    if reading.intent == SEARCH and words <= _SHORT_WORDS and likely >= _REFINE_SHARE:
        return REFINE
    if record.query.texts and words >= _SHORT_WORDS and _DOUBT <= likely <= 1 - _DOUBT:
        close = closeness(reading.text, record.query.texts[-_COMPARED_TEXTS:])
        return REFINE if close >= _CLOSE or (likely >= 0.5 and close >= _FAR) else SEARCH
    return reading.intent


def _is_bare(reading: Reading) -> bool:
    """Whether a message is content throughout, without words that say what to do."""
    length = len(reading.text.rstrip(" .!?"))
    return any(span.name == "query" and span.end - span.start >= length for span in reading.spans)


@dataclass(frozen=True)
class _Parts:
    """The usable spans of a message by what they are; payloads can hold anything."""

    intent: str
    upload: str | None = None
    query: str = ""
    excluded: tuple[str, ...] = ()
    allowed: str = ""
    pictures: tuple[tuple[int, ...], str | None] = ((), None)
    rating: Literal["up", "down"] | None = None
    drops_upload: bool = False
    filters: tuple[op.Filter, ...] = ()

    @classmethod
    def of(cls, reading: Reading, upload: str | None) -> Self:
        texts: dict[str, list[str]] = {}
        for span in reading.spans:
            if isinstance(span.value, str) and (text := _clean(span.value)):
                texts.setdefault(span.name, []).append(text)
        image = next((text for text in texts.get("image", ()) if len(text) <= _LONGEST_ID), None)
        values = [span.value for span in reading.spans if span.name == "position"]
        positions = dict.fromkeys(number for value in values for number in _whole(value))
        rating = next(iter(texts.get("rating", ())), None)
        return cls(
            intent=reading.intent,
            upload=upload,
            query=next(iter(texts.get("query", ())), ""),
            excluded=tuple(dict.fromkeys(texts.get("excluded", ()))),
            allowed=next(iter(texts.get("allowed", ())), ""),
            pictures=(tuple(positions)[:_MOST_POSITIONS], image),
            rating="up" if rating == "up" else "down" if rating == "down" else None,
            drops_upload="upload" in texts,
            filters=tuple(
                op.Filter(key, None if value == ANY else value)
                for key, values in texts.items()
                if key in FILTER_KEYS
                for value in values
            ),
        )

    @property
    def beside(self) -> tuple[Operation, ...]:
        """What a wish may carry with it: "dogs, but no people, from 2023"."""
        return (*map(op.Exclude, self.excluded), *self.filters)


def _refine(parts: _Parts) -> tuple[Operation, ...]:
    if not parts.query and parts.beside:
        return parts.beside
    return (op.Refine(parts.query), *parts.beside)


def _exclude(parts: _Parts) -> tuple[Operation, ...]:
    if parts.allowed:
        return (op.Allow(parts.allowed), *parts.filters)
    return parts.beside if parts.excluded else (op.Exclude(), *parts.filters)


def _drop(parts: _Parts) -> tuple[Operation, ...]:
    """Take out what is named, whatever part of the search it is."""
    picture = parts.pictures[1]
    return (
        *([op.Replace(parts.query)] if parts.query else []),
        *([op.Replace(picture, kind="picture")] if picture else []),
        *([op.Replace(kind="upload")] if parts.drops_upload else []),
        *(op.Allow(text, exactly=True) for text in parts.excluded),
        *map(_drop_filter, parts.filters),
    ) or (op.Replace(),)


def _drop_filter(named: op.Filter) -> Operation:
    return named if named.value is None else op.Replace(named.value, kind=named.key)


def _unknown(parts: _Parts) -> tuple[Operation, ...]:
    return (op.Unknown(parts.intent),)


# The operations of each intent.
_MAKERS: dict[str, Callable[[_Parts], tuple[Operation, ...]]] = {
    SEARCH: lambda parts: (op.Search(parts.query, parts.upload), *parts.beside),
    REFINE: _refine,
    EXCLUDE: _exclude,
    "drop_from_search": _drop,
    "similar_to_image": lambda parts: (op.Like(*parts.pictures), *parts.beside),
    "unlike_image": lambda parts: (op.Unlike(*parts.pictures), *parts.beside),
    "describe_image": lambda parts: (op.Describe(*parts.pictures),),
    "rate_image": lambda parts: (op.Rate(*parts.pictures, parts.rating),),
    "more_images": lambda _: (op.More(),),
    "undo_search": lambda _: (op.Undo(),),
    "restart_search": lambda _: (op.Restart(),),
    "greet": lambda parts: (op.Greet(parts.intent),),
    "thank": lambda parts: (op.Thank(parts.intent),),
    "goodbye": lambda parts: (op.Goodbye(parts.intent),),
    "help": lambda parts: (op.Help(parts.intent),),
    "out_of_scope": lambda parts: (op.Chat(parts.intent),),
}


def _clean(value: str) -> str:
    return " ".join(plain_text(value).split())[:LONGEST_TEXT].rstrip()


def _whole(value: str | int) -> tuple[int, ...]:
    """Return the whole number that a value is, or nothing."""
    try:
        return (int(value),)
    except ValueError:
        return ()
