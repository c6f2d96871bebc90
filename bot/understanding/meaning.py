"""What a message means in its session. This is the one place that decides it.

A reading says what the words say; the words alone often do not tell ("a red one", "the dog is
white"). The session does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.sessions.record import SessionRecord
from bot.understanding import operations as op
from bot.understanding.in_session import answer, correct, drop, go_on, judge, recall
from bot.understanding.operations import Operation
from bot.understanding.reading import EXCLUDE, OTHER_LANGUAGE, REFINE, SEARCH, Parts, Reading
from bot.wording.classes import Classes
from bot.wording.edits import Editor

__all__ = ["Closeness", "Meaning", "decide"]

Closeness = Callable[[str, Sequence[str]], float]
"""How close a text is in meaning to the closest of others: standard deviations of the cosines of
unrelated texts above their mean, so that it says the same with every encoder."""

_PLAIN = Editor(Classes({}))
# An intent that asks is named for what about.
_ASK = "ask_"
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
        language: of the message, where it is not the one that is spoken here.
    """

    operations: tuple[Operation, ...]
    intent: str
    confidence: float = 1.0
    ranking: tuple[tuple[str, float], ...] = field(default=(), repr=False)
    language: str | None = None


def decide(
    reading: Reading,
    record: SessionRecord,
    closeness: Closeness,
    upload: str | None = None,
    editor: Editor = _PLAIN,
) -> Meaning:
    """Return what a message means in its session.

    Args:
        reading: what its words say; a text that is empty came with a picture, filters, or both.
        record: the session of its sender.
        closeness: asked only where nothing else tells.
        upload: key of a picture that came with the message.
        editor: changes what is searched for.
    """
    settled = reading.settled(_settle(reading, record, closeness, upload, editor))
    parts = Parts.of(settled, upload)
    if parts.language:
        foreign = (op.Unknown(OTHER_LANGUAGE, language=parts.language, text=parts.text),)
        return Meaning(foreign, settled.intent, settled.confidence, settled.ranking, parts.language)
    operations = (
        answer(parts, record, editor)
        or go_on(parts, record, editor)
        or recall(parts, record, editor)
        or drop(parts, record, editor)
        or judge(parts, record, editor)
        or (() if upload else correct(parts, record, editor))
        or _made(parts)
    )
    before = (_also(intent) for intent, is_before in parts.also if is_before)
    after = (_also(intent) for intent, is_before in parts.also if not is_before)
    return Meaning(
        (*before, *operations, *after), settled.intent, settled.confidence, settled.ranking
    )


def _settle(
    reading: Reading,
    record: SessionRecord,
    closeness: Closeness,
    upload: str | None,
    editor: Editor,
) -> str:
    """Return the intent that the session makes of a reading.

    What was understood from the words alone stands, but for these:
    - a message with a picture searches by that picture, its words beside it;
    - where no search runs there is nothing to refine: a fragment is a search ("on a beach");
    - while a search runs, "a sad one" is one of what is searched for, as "any with hats" are, and
      "leaning on a wall" is said of it;
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
    stands = any(span.name == "standing" for span in reading.spans)
    if record.searching and reading.intent == SEARCH and stands:
        return REFINE
    if not (record.searching and reading.intent in (SEARCH, REFINE) and _is_bare(reading)):
        return reading.intent
    if editor.stands_for_a_thing(reading.text) or editor.tells_more(reading.text):
        return REFINE
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


def _refine(parts: Parts) -> tuple[Operation, ...]:
    if not parts.query and parts.beside:
        return parts.beside
    wishes = [wish.text for wish in parts.wishes] or [""]
    return (*map(op.Refine, wishes), *parts.beside)


def _search(parts: Parts) -> tuple[Operation, ...]:
    more = (op.Refine(wish.text) for wish in parts.wishes[1:])
    return (op.Search(parts.query, parts.upload), *more, *parts.beside)


def _exclude(parts: Parts) -> tuple[Operation, ...]:
    if parts.allowed:
        return (op.Allow(parts.allowed), *parts.filters)
    return parts.beside if parts.excluded else (op.Exclude(), *parts.filters)


def _drop(parts: Parts) -> tuple[Operation, ...]:
    """Take out what is named, whatever part of the search it is."""
    picture = parts.pictures[1]
    return (
        *([op.Replace(parts.query)] if parts.query else []),
        *([op.Replace(picture, kind="picture")] if picture else []),
        *([op.Replace(kind="upload")] if parts.drops_upload else []),
        *(op.Allow(one.text, exactly=True) for one in parts.excluded),
        *map(_drop_filter, parts.filters),
    ) or (op.Replace(),)


def _drop_filter(named: op.Filter) -> Operation:
    return named if named.value is None else op.Replace(named.value, kind=named.key)


def _like(parts: Parts) -> tuple[Operation, ...]:
    unliked = [op.Unlike(parts.unliked)] if parts.unliked else []
    shown_too = [op.Refine(wish.text) for wish in parts.wishes]  # "like 2, but on a bike"
    return (op.Like(*parts.pictures), *shown_too, *unliked, *parts.beside)


def _either(parts: Parts) -> tuple[tuple[int, ...], str | None]:
    positions, image = parts.pictures
    return (*positions, *parts.unliked), image


def _made(parts: Parts) -> tuple[Operation, ...]:
    """Return the operations of an intent, whatever the session is."""
    if parts.intent.startswith(_ASK) and parts.intent not in _MAKERS:
        return (op.Ask(*parts.pictures, parts.intent.removeprefix(_ASK)),)
    make = _MAKERS.get(parts.intent)
    return make(parts) if make else (op.Unknown(parts.intent),)


def _also(intent: str) -> Operation:
    """Return what is said beside the main thing."""
    (made, *_) = _made(Parts(intent))
    return dataclasses.replace(made, beside=True) if isinstance(made, op.SmallTalk) else made


# The operations of each intent.
_MAKERS: dict[str, Callable[[Parts], tuple[Operation, ...]]] = {
    SEARCH: _search,
    REFINE: _refine,
    EXCLUDE: _exclude,
    "drop_from_search": _drop,
    "similar_to_image": _like,
    "unlike_image": lambda parts: (op.Unlike(*_either(parts)), *parts.beside),
    "describe_image": lambda parts: (op.Describe(*parts.pictures, parts.question),),
    "rate_image": lambda parts: (op.Rate(*parts.pictures, parts.rating),),
    "more_images": lambda _: (op.More(),),
    "browse_gallery": lambda _: (op.Browse(),),
    "undo_search": lambda parts: (op.Undo(parts.steps),),
    "redo_search": lambda _: (op.Redo(),),
    "restart_search": lambda _: (op.Restart(),),
    "greet": lambda parts: (op.Greet(parts.intent),),
    "thank": lambda parts: (op.Thank(parts.intent),),
    "goodbye": lambda parts: (op.Goodbye(parts.intent),),
    "help": lambda parts: (op.Help(parts.intent),),
    "out_of_scope": lambda parts: (op.Chat(parts.intent, about=parts.subject),),
    "react_good": lambda parts: (op.Chat(parts.intent),),
    "react_bad": lambda parts: (op.Chat(parts.intent),),
    "react_unsure": lambda parts: (op.Chat(parts.intent),),
}
