"""Rasa's own forms: what a message means and what is said, as a Rasa server sends and takes them.

Its dictionaries end here: inside, a message is a Reading and then a Meaning, an answer is Said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rasa_sdk.executor import CollectingDispatcher

from bot.dialogue.message import Choice, Said
from bot.understanding.rasa_project import RasaProject
from bot.understanding.reading import Reading, Span, usable_spans
from retrieval.search.query import Hit

__all__ = ["parse_result", "read_latest_message", "responses", "utter"]

# Rasa's clients show a picture as it comes, and a camera's original has megabytes.
SHOWN = 640
# Said above the quick replies where pictures would part them from what they belong to.
ASK = "utter_what_next"
# What one message of Rasa's can carry.
_SPOKEN = ("text", "image", "buttons", "attachment", "custom")


def parse_result(reading: Reading) -> dict[str, Any]:
    """Return the body of Rasa's POST /model/parse."""
    ranking = [{"name": name, "confidence": share} for name, share in reading.ranking]
    return {
        "text": reading.text,
        "intent": ranking[0],
        "entities": [
            {
                "entity": span.name,
                "start": span.start,
                "end": span.end,
                "value": span.value,
                "extractor": span.found_by,
                **({"role": span.role} if span.role else {}),
            }
            for span in reading.spans
        ],
        "intent_ranking": ranking,
    }


def read_latest_message(message: Mapping[str, Any], action: str, project: RasaProject) -> Reading:
    """Return what a tracker's latest message says, for the action that Rasa chose to answer it.

    Where the rules give the message's intent another action, Rasa had its own reasons, a story of
    somebody's perhaps, and the action tells what is to be done.

    Args:
        message: `latest_message` of a tracker; anything may be missing from it.
        action: name of the action.
        project: its rules say which intents an action answers.
    """
    text = message.get("text") or ""
    spans = tuple(_spans(message.get("entities") or (), text))
    given: Mapping[str, Any] = message.get("intent") or {}
    intent: str | None = given.get("name")
    if intent is None or action not in project.rules.get(intent, ()):
        meant = (name for name, actions in project.rules.items() if action in actions)
        return Reading(text, ((next(meant, action), 1.0),), spans)
    shares = {
        entry["name"]: float(entry.get("confidence") or 0.0)
        for entry in message.get("intent_ranking") or ()
        if entry.get("name")
    }
    ranked = shares.pop(intent, 1.0)
    return Reading(
        text, ((intent, float(given.get("confidence") or ranked)), *shares.items()), spans
    )


def _spans(entities: Iterable[Mapping[str, Any]], text: str) -> Iterator[Span]:
    """Yield the usable entities; not every extractor says where they stand."""
    for entity in entities:
        value, start, end = entity.get("value"), entity.get("start"), entity.get("end")
        if not isinstance(start, int) or not isinstance(end, int):
            start = max(text.find(str(value)), 0)
            end = start + len(str(value)) if str(value) in text else start
        role = entity.get("role")
        role = role if isinstance(role, str) else ""
        yield from usable_spans(entity["entity"], value, start, end, "Rasa", role)


def responses(said: Sequence[Said], base_url: str, project: RasaProject) -> list[dict[str, Any]]:
    """Return what is said as rasa-sdk's response dicts, filled in: text, buttons, image, custom.

    Args:
        said: in its order.
        base_url: of this server, for the addresses of pictures.
        project: knows the words that are said above quick replies.
    """
    found = []
    for one in _choices_last(said, Said(ASK, filled=project.render(ASK, {}))):
        buttons = [*one.filled.get("buttons", ()), *_buttons(one.choices)]
        response = {**one.filled, "buttons": buttons}
        found.append({name: response[name] for name in _SPOKEN if response.get(name)})
        found += _pictures(one, base_url)
    return found


def utter(said: Sequence[Said], dispatcher: CollectingDispatcher, base_url: str) -> None:
    """Hand what is said to a Rasa server, which fills the responses in."""
    for one in _choices_last(said, Said(ASK)):
        dispatcher.utter_message(response=one.response, buttons=_buttons(one.choices), **one.values)
        for part in _pictures(one, base_url):
            dispatcher.utter_message(image=part.get("image"), json_message=part.get("custom"))


def _choices_last(said: Sequence[Said], ask: Said) -> list[Said]:
    """Return what is said with all quick replies at its end: some clients show no others.

    Those of the last thing said stand first. What has pictures ends with them, so `ask` follows.
    """
    choices = tuple(dict.fromkeys(choice for one in reversed(said) for choice in one.choices))
    if not choices:
        return list(said)
    parts = [replace(one, choices=()) for one in said]
    if parts[-1].pictures:
        parts.append(ask)
    parts[-1] = replace(parts[-1], choices=choices)
    return parts


def _buttons(choices: Sequence[Choice]) -> list[dict[str, str]]:
    return [{"title": choice.title, "payload": choice.payload} for choice in choices]


def _pictures(said: Said, base_url: str) -> list[dict[str, Any]]:
    """Return each picture of an utterance, then the facts about all of them."""
    if not said.pictures:
        return []
    images = [_facts(hit, base_url) for hit in said.pictures]
    facts = {"type": "image_results", "query": said.query, "images": images}
    # Anything but {"data": ...} breaks Rasa's SocketIO channel.
    shown = [{"image": f"{image['url']}?size={SHOWN}"} for image in images]
    return [*shown, {"custom": {"data": facts}}]


def _facts(hit: Hit, base_url: str) -> dict[str, Any]:
    url = f"{base_url}/images/{hit.image_id}"
    return {
        "id": hit.image_id,
        "url": url,
        "thumbnail": f"{url}?size=320",
        "caption": hit.caption,
        "score": round(hit.score, 4),
        "reasons": list(hit.reasons),
        "width": hit.picture.width,
        "height": hit.picture.height,
    }
