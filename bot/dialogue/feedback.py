"""The operations on pictures that were shown: more like them, others, thumbs."""

from __future__ import annotations

from bot.dialogue.draft import Draft
from bot.dialogue.message import HELP, MORE, RESTART, UNDO, Button, Choice
from bot.sessions.record import is_search
from bot.understanding.operations import (
    AboutPictures,
    Ask,
    Describe,
    Like,
    Rate,
    Unlike,
)
from retrieval.search.query import Hit

__all__ = ["choose", "like", "meant", "rate", "unlike"]

# What the answer to "which one?" has to say again.
_INTENTS: dict[type[AboutPictures], str] = {
    Like: "similar_to_image",
    Unlike: "unlike_image",
    Describe: "describe_image",
    Ask: "ask_why",
    Rate: "rate_image",
}


async def like(draft: Draft, operation: Like) -> None:
    """Draw the search towards pictures, the first one if none is named; or begin one."""
    hits = await meant(draft, operation, draft.record.in_focus)
    for hit in hits:
        draft.query = draft.query.like(hit.image_id)
    if hits:
        response = "utter_similar" if len(hits) == 1 else "utter_similar_to_several"
        draft.search_and(response, "utter_no_more", go_on=True)


async def unlike(draft: Draft, operation: Unlike) -> None:
    """Draw the search away from pictures."""
    hits = await meant(draft, operation)
    if hits and not is_search(draft.query):
        draft.say("utter_nothing_yet", [HELP])
        return
    for hit in hits:
        draft.query = draft.query.dislike(hit.image_id)
    if hits:
        response = "utter_unlike" if len(hits) == 1 else "utter_unlike_several"
        draft.search_and(response, "utter_no_more", go_on=True)


async def rate(draft: Draft, operation: Rate) -> None:
    """Keep a thumb, which the search follows; the pictures on the screen stay."""
    hits = await meant(draft, operation)
    if hits and operation.rating is None:
        about: dict[str, object] = {"position": list(operation.positions)}
        if len(hits) == 1:
            about = {"image": hits[0].image_id}
        ratings = (("thumbs_up", "up"), ("thumbs_down", "down"))
        buttons = [
            Button(title, "rate_image", {**about, "rating": rating}) for title, rating in ratings
        ]
        draft.say("utter_ask_rating", buttons)
    elif hits and operation.rating is not None:
        searching = is_search(draft.query)
        for hit in hits:
            if searching:
                follow = draft.query.like if operation.rating == "up" else draft.query.dislike
                draft.query = follow(hit.image_id)
            draft.record.rate(hit.image_id, operation.rating)
        draft.say(f"utter_rated_{operation.rating}", [MORE, UNDO] if searching else [])


async def meant(
    draft: Draft, operation: AboutPictures, otherwise: list[str] | None = None
) -> list[Hit]:
    """Return the pictures that are meant; where there are none, that is said or asked.

    Args:
        draft: the turn.
        operation: names them.
        otherwise: ids of those that are meant where none is named; without it the one that was
            spoken of last, or the only one.
    """
    record = draft.record
    shown = record.last_hits
    if operation.image is None and not shown:
        draft.say("utter_nothing_yet", [HELP])
        return []
    if otherwise is None:
        is_clear = record.focus in shown or len(shown) == 1
        otherwise = record.in_focus if is_clear else []
    if operation.image is not None:
        image_ids = [operation.image]
    elif operation.positions:
        image_ids = choose(shown, operation.positions)
    else:
        image_ids = otherwise
    if not image_ids:
        _ask_which(draft, operation)
        return []
    found = [await draft.find(image_id) for image_id in image_ids]
    hits = [hit for hit in found if hit is not None]
    if not hits:
        draft.say("utter_gone", [MORE, RESTART] if record.searching else [HELP])
    for hit in hits:
        record.focus = hit.image_id
    return hits


def _ask_which(draft: Draft, operation: AboutPictures) -> None:
    """Ask which of the pictures shown last is meant; each number is a quick reply."""
    rating = operation.rating if isinstance(operation, Rate) else None
    known = {"rating": rating} if rating else {}
    intent, count = _INTENTS[type(operation)], len(draft.record.hits)
    numbers = range(1, count + 1)
    buttons = [Button(str(number), intent, {**known, "position": number}) for number in numbers]
    choices = [Choice(button.title, button.payload) for button in buttons]
    draft.choose("utter_which_one", choices, count=count)


def choose(image_ids: list[str], positions: tuple[int, ...]) -> list[str]:
    """Return those at the positions, or nothing if a position is beyond them."""
    chosen: list[str] = []
    for position in positions:
        if position == 0:
            index = (len(image_ids) - 1) // 2
        else:
            index = position - 1 if position > 0 else len(image_ids) + position
        if not 0 <= index < len(image_ids):
            return []
        if image_ids[index] not in chosen:
            chosen.append(image_ids[index])
    return chosen
