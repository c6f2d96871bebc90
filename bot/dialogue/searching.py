"""The operations on the search: begin, narrow, replace, leave out, let in, filter."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bot.dialogue.draft import Draft
from bot.dialogue.message import HELP, MORE, RESTART
from bot.sessions.record import is_search
from bot.understanding.operations import (
    Allow,
    Answer,
    Exclude,
    Filter,
    Refine,
    Replace,
    Search,
)
from bot.wording.edits import Editor, names
from retrieval.search.general_words import comprised
from retrieval.search.query import Query
from retrieval.store.words import content_words, stem

__all__ = [
    "allow",
    "answer",
    "exclude",
    "lifted",
    "narrow",
    "refine",
    "replace",
    "search",
    "still_excluded",
]

_EVERYTHING = frozenset({"everything", "anything", "all", "alles"})


async def search(draft: Draft, operation: Search) -> None:
    """Begin a search; what was left out stays out, unless it is what is asked for.

    What was said with the search before, as in "a horse without a saddle", goes with it.
    """
    text, upload = operation.text, operation.upload
    if not text and not upload and len(draft.meaning.operations) == 1:
        draft.say("utter_ask_query", [HELP])
        return
    draft.record.asked = False
    before = draft.query
    draft.query = Query(
        texts=(text,) if text else (),
        image=upload,
        excluded=still_excluded([one for one in before.excluded if one not in before.bound], text),
    )
    if not upload:
        draft.search_and("utter_found")
    else:
        draft.search_and("utter_found_by_image_and_text" if text else "utter_found_by_image")


async def refine(draft: Draft, operation: Refine) -> None:
    """Narrow the search down with more words."""
    if not is_search(draft.query):
        draft.say("utter_nothing_yet", [HELP])
    elif not operation.text:
        draft.say("utter_ask_query", [RESTART])
    else:
        query = draft.query.refine(operation.text, seen=draft.record.last_hits)
        draft.query = query.leave_out(still_excluded(query.excluded, operation.text))
        draft.search_and("utter_refined")


async def replace(draft: Draft, operation: Replace) -> None:
    """Put a text in the place of a part of the search, or take the part out."""
    query, part = draft.query, operation.part
    replaced = query
    if operation.kind == "text":
        texts = [operation.text if text == part else text for text in query.texts]
        replaced = dataclasses.replace(
            query,
            texts=tuple(dict.fromkeys(text for text in texts if text)),
        ).leave_out(still_excluded(query.excluded, operation.text))
    elif operation.kind == "picture":
        replaced = query.forget(part)
    elif operation.kind == "upload":
        replaced = dataclasses.replace(query, image=None)
    else:
        left = tuple(one for one in query.filters if one != (operation.kind, part))
        replaced = dataclasses.replace(query, filters=left)
    if replaced == query:
        draft.say("utter_not_in_search", [MORE, RESTART] if is_search(query) else [HELP])
    else:
        draft.query = replaced
        draft.search_and("utter_replaced" if operation.text else "utter_dropped")


async def exclude(draft: Draft, operation: Exclude) -> None:
    """Leave something out; where no search runs, of all pictures there are."""
    if operation.text:
        begins = any(isinstance(one, Search) for one in draft.meaning.operations)
        query = draft.query.exclude(operation.text, bound=begins)
        draft.query = dataclasses.replace(
            query, texts=_without(query.texts, operation.text, draft.editor)
        )
        draft.left_out.append(operation.text)
        draft.search_and("utter_excluded")
    elif is_search(draft.query):
        draft.say("utter_ask_excluded", [RESTART])
    else:
        draft.say("utter_nothing_yet", [HELP])


async def allow(draft: Draft, operation: Allow) -> None:
    """Let in again what was left out."""
    excluded = draft.query.excluded
    phrases = lifted(excluded, operation.text)
    if operation.exactly:
        phrases = tuple(phrase for phrase in excluded if phrase == operation.text)
    if phrases:
        for phrase in phrases:
            draft.query = draft.query.allow(phrase)
        draft.search_and("utter_allowed", allowed=", ".join(phrases))
    elif is_search(draft.query):
        draft.say("utter_not_excluded", [MORE, RESTART], allowed=operation.text)
    else:
        draft.say("utter_nothing_yet", [HELP])


async def answer(draft: Draft, operation: Answer) -> None:
    """Narrow down to the option that was chosen; leave all out where none was."""
    options = draft.options
    if operation.choice:
        await refine(draft, Refine(operation.choice))
    elif operation.refused:
        for option in options:
            await exclude(draft, Exclude(" ".join(names(option)) or option))
    else:
        draft.say("utter_answered_any", [MORE, RESTART])


async def narrow(draft: Draft, operation: Filter) -> None:
    """Set a filter in the place of those of its key, or lift them."""
    operations = draft.meaning.operations
    if operation == next(o for o in operations if isinstance(o, Filter) and o.key == operation.key):
        draft.query = draft.query.unfilter(operation.key)
    if operation.value is None:
        draft.search_and("utter_dropped")
    else:
        draft.search_and("utter_refined" if is_search(draft.query) else "utter_found")
        draft.query = draft.query.filter(operation.key, operation.value)


def lifted(excluded: Sequence[str], allowed: str) -> tuple[str, ...]:
    """Return the exclusions that are allowed again: the very one, else those that share a word.

    "everything is fine again" has no word for a thing, and lifts all.
    """
    if allowed in excluded:
        return (allowed,)
    words = _things(allowed) - _EVERYTHING
    return tuple(phrase for phrase in excluded if not words or words & _comprised(phrase))


def still_excluded(excluded: Sequence[str], wanted: str) -> tuple[str, ...]:
    """Return the exclusions that a text does not lift by asking for the very thing."""
    words = _things(wanted)
    return tuple(phrase for phrase in excluded if not words.issuperset(_things(phrase)))


def _without(texts: Sequence[str], excluded: str, editor: Editor) -> tuple[str, ...]:
    """Return the texts of a search without a thing that is not wanted any more.

    More than one word says what kind of the thing is not wanted: the thing stays, unless a text
    is about nothing else.
    """
    is_thing = len(names(excluded)) == 1
    left = [editor.take_out(text, excluded) for text in texts]
    kept = [
        text if rest is None or (rest and not is_thing) else rest
        for text, rest in zip(texts, left, strict=True)
    ]
    return tuple(dict.fromkeys(text for text in kept if text))


def _comprised(phrase: str) -> set[str]:
    """Return what an exclusion names, and what that comprises: "kids are fine" lifts "children"."""
    return _things(phrase).union(*map(_things, comprised(phrase)))


def _things(text: str) -> set[str]:
    """Return what a text names, singular and plural alike."""
    return {stem(word) for word in content_words(text)}
