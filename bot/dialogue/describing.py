"""Talking about a picture: what it shows, and answers to questions about it.

Captions answer where they say it; where they do not, phrases that would answer are compared with
the picture, and the answer says that it is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.dialogue.draft import Draft
from bot.dialogue.feedback import meant
from bot.dialogue.message import HELP, Button, Choice
from bot.understanding.operations import Describe
from bot.wording.edits import same_thing
from bot.wording.questions import Question
from bot.wording.text import split_words
from retrieval.search.query import Hit

__all__ = ["describe"]

# A picture shows a phrase when it does by so many standard deviations more than usual.
_SEEN_AT = 1.0
# A word says of what colour or how many a thing is when it stands so many words before it.
_NEAR = 3
_MOST_COUNTED = 5


async def describe(draft: Draft, operation: Describe) -> None:
    """Read out the captions, or answer a question from them, a picture at a time."""
    question = draft.questions.read(operation.question)
    if question.kind == "which" and question.things:
        await _which(draft, question)
        return
    # What a picture shows is told of the one that is meant; what is in it, of the first as well.
    otherwise = draft.record.in_focus if question.kind != "else" else None
    for hit in await meant(draft, operation, otherwise):
        await _answer(draft, hit, question)


def _read_out(draft: Draft, hit: Hit) -> None:
    buttons = [Button("similar_to_this", "similar_to_image", {"image": hit.image_id})]
    caption = " / ".join(_captions(hit))
    if not caption:
        draft.say("utter_no_caption", buttons)
    elif number := _number(draft, hit):
        draft.say("utter_described", buttons, position=number, caption=caption)
    else:
        draft.say("utter_described_by_id", buttons, caption=caption)


async def _answer(draft: Draft, hit: Hit, question: Question) -> None:
    if question.kind == "whether" and question.things:
        await _whether(draft, hit, question)
    elif question.kind in ("count", "colour") and question.things:
        await _value(draft, hit, question)
    else:
        _read_out(draft, hit)


async def _which(draft: Draft, question: Question) -> None:
    """Name those on the screen that show a thing."""
    ids = draft.record.last_hits
    if not ids:
        draft.say("utter_nothing_yet", [HELP])
        return
    hits = [hit for image_id in ids if (hit := await draft.find(image_id)) is not None]
    said = [hit for hit in hits if any(_says(one, question.things) for one in _captions(hit))]
    response, shown = "utter_which_said", said
    if not said:
        phrase = " ".join(question.things)
        amounts = await draft.compare(hits, [phrase])
        shown = [hit for hit, row in zip(hits, amounts, strict=True) if row[0] >= _SEEN_AT]
        response = "utter_which_seen"
    if not shown:
        draft.say("utter_which_none", thing=" ".join(question.things))
        return
    numbers = [str(_number(draft, hit)) for hit in shown]
    choices = [
        Choice.sending(number, "similar_to_image", {"image": hit.image_id})
        for number, hit in zip(numbers, shown, strict=True)
    ]
    draft.record.focus = shown[0].image_id
    draft.choose(response, choices, numbers=", ".join(numbers), thing=" ".join(question.things))


async def _whether(draft: Draft, hit: Hit, question: Question) -> None:
    number = _number(draft, hit)
    saying = next((one for one in _captions(hit) if _says(one, question.things)), None)
    if saying:
        draft.say("utter_yes_said", position=number, caption=saying)
        return
    amounts = await draft.compare([hit], [" ".join(question.things)])
    response = "utter_yes_seen" if amounts[0][0] >= _SEEN_AT else "utter_no_seen"
    draft.say(response, position=number, thing=" ".join(question.things))


async def _value(draft: Draft, hit: Hit, question: Question) -> None:
    """Say how many things there are, or which colour one has."""
    number, classes = _number(draft, hit), draft.editor.classes
    kind = "number" if question.kind == "count" else "colour"
    thing = question.things[0]
    for caption in _captions(hit):
        value = _value_of(caption, thing, classes.words_of(kind))
        if value:
            draft.say("utter_value_said", position=number, value=value, caption=caption)
            return
    values = classes.words_of(kind)
    if kind == "number":
        values = values[:_MOST_COUNTED]
    phrases = [f"{value} {thing}" for value in values]
    amounts = (await draft.compare([hit], phrases))[0] if phrases else []
    if not len(amounts):
        _read_out(draft, hit)
        return
    best = max(range(len(phrases)), key=lambda at: float(amounts[at]))
    draft.say("utter_value_seen", position=number, value=values[best])


def _value_of(caption: str, thing: str, values: Sequence[str]) -> str:
    """Return the value that stands before a thing in a caption, "" if none does."""
    words = [word.text for word in split_words(caption)]
    for at, word in enumerate(words):
        if not same_thing(word, thing):
            continue
        for before in reversed(words[max(at - _NEAR, 0) : at]):
            if before in values:
                return before
    return ""


def _says(caption: str, things: Sequence[str]) -> bool:
    """Whether a caption names all things."""
    words = [word.text for word in split_words(caption)]
    return all(any(same_thing(thing, word) for word in words) for thing in things)


def _captions(hit: Hit) -> list[str]:
    captions = (" ".join(caption.split()) for caption in hit.picture.captions)
    return [caption for caption in captions if caption]


def _number(draft: Draft, hit: Hit) -> int:
    """Return the number under which a picture is on the screen, 0 if it is not."""
    ids = draft.record.last_hits
    return ids.index(hit.image_id) + 1 if hit.image_id in ids else 0
