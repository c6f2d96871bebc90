"""What words come to in the session they are said in: an answer, a correction, a way back.

Each function returns the operations of a message, or none where it is nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.sessions.record import SessionRecord
from bot.understanding import operations as op
from bot.understanding.operations import Operation
from bot.understanding.reading import ALL, EXCLUDE, NONE, REFINE, SEARCH, Excluded, Parts, Wish
from bot.wording.edits import Editor, same_thing

__all__ = ["answer", "correct", "drop", "go_on", "judge", "recall"]

_RATE, _UNDO = "rate_image", "undo_search"
# What "drop all exclusions" names (classes.yml).
_EXCLUSION = "exclusion"
# What is asked in so many words more than an option has is a wish of its own.
_MOST_BESIDE = 2


def answer(parts: Parts, record: SessionRecord, editor: Editor) -> tuple[Operation, ...]:
    """Return the answer to the question that the bot asked a turn ago."""
    options = record.options
    if not options:
        # "no preference" is nothing to look for, nor "not fussed" to leave out, though nothing was
        # asked.
        wishes = parts.intent in (SEARCH, REFINE, EXCLUDE)
        is_late = parts.answer == ALL and record.searching and wishes
        return (op.Answer(),) if is_late else ()
    if isinstance(parts.answer, int):
        place = parts.answer - 1 if parts.answer > 0 else len(options) + parts.answer
        return (op.Answer(options[place]),) if 0 <= place < len(options) else ()
    if parts.answer == ALL:
        return (op.Answer(),)
    if parts.answer == NONE:
        return (op.Answer(refused=True),)
    if parts.intent not in (SEARCH, REFINE) or len(parts.wishes) != 1 or parts.excluded:
        return ()
    said = editor.names(parts.query)
    meant = [
        option
        for option in options
        if said and all(any(same_thing(one, word) for one in editor.names(option)) for word in said)
    ]
    return (op.Answer(meant[0]),) if len(meant) == 1 else ()


def recall(parts: Parts, record: SessionRecord, editor: Editor) -> tuple[Operation, ...]:
    """Return the way back to the latest search that was about what is named, or to the first."""
    searches = [at for at, earlier in enumerate(record.history) if earlier.query.texts]
    if parts.intent == _UNDO and searches and parts.steps > len(record.history):
        return (op.Undo(len(record.history) - searches[0]),)
    named = editor.names(parts.recalled)
    if not named:
        return ()
    current = [word for text in record.query.texts for word in editor.names(text)]
    if any(same_thing(one, word) for one in named for word in current):
        is_allowed = parts.allowed and not _left_out(parts.allowed, record, editor)
        return (op.Search(record.query.texts[-1]),) if is_allowed else ()
    for at in reversed(range(len(record.history))):
        earlier = [word for text in record.history[at].query.texts for word in editor.names(text)]
        if any(same_thing(one, word) for one in named for word in earlier):
            return (op.Undo(len(record.history) - at),)
    return ()


def _left_out(thing: str, record: SessionRecord, editor: Editor) -> str | None:
    """Return the first exclusion that shares a word with a thing, or None."""
    named = editor.names(thing)
    for text in record.query.excluded:
        if any(same_thing(one, word) for one in named for word in editor.names(text)):
            return text
    return None


def go_on(parts: Parts, record: SessionRecord, editor: Editor) -> tuple[Operation, ...]:
    """Return what else is left out: "or dogs", a turn after "no cats"."""
    if record.last_said != "utter_excluded" or parts.intent not in (SEARCH, REFINE):
        return ()
    if not editor.names(parts.going_on):
        return ()
    return (*(op.Exclude(wish.text) for wish in parts.wishes), *parts.beside)


def drop(parts: Parts, record: SessionRecord, editor: Editor) -> tuple[Operation, ...]:
    """Return what takes a thing out of the search, or lifts its exclusion.

    "Forget the grass" does the one or the other, "dogs are fine" the second.
    """
    if parts.welcome and _left_out(parts.welcome, record, editor):
        return (op.Allow(parts.welcome),)
    if not editor.names(parts.dropped):
        return ()
    for text in reversed(record.query.texts):
        left = editor.take_out(text, parts.dropped)
        if left is not None:
            return (op.Replace(text, left),)
    gone = editor.names(parts.dropped)
    if _EXCLUSION in map(editor.classes.named, gone):
        return tuple(op.Allow(text, exactly=True) for text in record.query.excluded)
    if any(map(editor.classes.named, gone)):
        return (op.Replace(),)  # "the colour doesn't matter", where none was asked for
    left_out = _left_out(parts.dropped, record, editor)
    return (op.Allow(left_out, exactly=True),) if left_out else ()


def judge(parts: Parts, record: SessionRecord, editor: Editor) -> tuple[Operation, ...]:
    """Return what is thought of the whole page: "nice" names no picture.

    "That's not a dog" is blame where a dog was asked for, "I don't see any dogs" a wish elsewhere.
    """
    denied = parts.denied
    if denied and record.searching and editor.names(denied.text):
        if _all_there(denied, record.query.texts, editor):
            return (op.More(instead=True),)
        if denied.role == "missing":
            return (op.Refine(denied.text),)
    several = len(record.hits) > 1
    bare = parts.pictures == ((), None)
    praised = parts.intent == _RATE and parts.rating == "up" and bare and several
    blamed = parts.intent == _RATE and parts.rating == "down" and bare and several
    if praised:
        return (op.Chat("react_good"),)
    if (blamed or parts.intent == "react_bad") and record.searching:
        return (op.More(instead=True),)
    return ()


def correct(parts: Parts, record: SessionRecord, editor: Editor) -> tuple[Operation, ...]:
    """Return what puts wishes in the place of parts of the running search."""
    texts = list(record.query.texts)
    if not texts or parts.intent not in (SEARCH, REFINE) or not parts.wishes:
        return ()
    found: list[Operation] = []
    left = list(parts.excluded)
    corrects = False
    for place, wish in enumerate(parts.wishes):
        swapped = next((one for one in left if _is_swapped(one, texts, editor)), None)
        if swapped:
            left.remove(swapped)
        if wish.role and _all_there(wish, texts, editor):
            corrects = True
            continue
        if wish.role == "replace" and _left_out(
            wish.text, record, editor
        ):  # "sorry, I do want kids"
            corrects = True
            found.append(op.Allow(wish.text))
            continue
        edit = _edit(wish, swapped, texts, parts.intent, editor)
        if edit:
            corrects = True
            found.append(op.Replace(*edit))
            texts[texts.index(edit[0])] = edit[1]
        else:
            refines = place or parts.intent == REFINE
            meant = editor.positive(wish.text) if refines else wish.text
            corrects = corrects or meant != wish.text
            found.append(op.Refine(meant) if refines else op.Search(meant))
    if not corrects:
        return ()
    return (*found, *(op.Exclude(one.text) for one in left), *parts.filters)


def _all_there(wish: Wish, texts: Sequence[str], editor: Editor) -> bool:
    """Whether all that a wish names is searched for already: "I said woman"."""
    running = [word for text in texts for word in editor.names(text)]
    return all(
        any(same_thing(word, other) for other in running) for word in editor.names(wish.text)
    )


def _is_swapped(one: Excluded, texts: Sequence[str], editor: Editor) -> bool:
    """Whether a thing that is not wanted makes room for a wish: "not a dog, a cat"."""
    gone = editor.names(one.text)
    running = [word for text in texts for word in editor.names(text)]
    is_running = all(any(same_thing(word, other) for other in running) for word in gone)
    return one.swapped and bool(gone) and is_running


def _edit(
    wish: Wish, swapped: Excluded | None, texts: Sequence[str], intent: str, editor: Editor
) -> tuple[str, str] | None:
    """Return a text of the search and what takes its place, or None if nothing does."""
    for text in reversed(texts):
        new = None
        if swapped:
            new = editor.replace_in(text, swapped.text, wish.text)
        elif wish.role or intent == REFINE:
            exchanges = bool(wish.role) or editor.stands_for_a_thing(wish.text)
            new = editor.replace_same_class(text, wish.text, only_exclusive=not exchanges)
        if new is not None and new != text:
            return text, new
    if wish.role != "replace" or editor.is_attribute(wish.text):
        return None
    for text in reversed(texts):
        new = (
            editor.replace_phrase(text, wish.text)
            or editor.replace_form(text, wish.text)
            or editor.replace_part(text, wish.text)
        )
        if new is not None:
            return text, new
    return None if editor.is_fragment(wish.text) else (texts[-1], wish.text)
