"""What an action says: sentences of the domain, quick replies, and pictures with their facts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rasa_sdk.executor import CollectingDispatcher

from bot.dialogue.turns import OpenTurn
from bot.sessions.record import StoredHit
from bot.understanding.meaning import ANY, FILTER_KEYS
from retrieval.search.query import Query
from retrieval.search.searcher import Hit

_LONGEST_LABEL = 200
_LONGEST_KEPT_CAPTION = 500


@dataclass(frozen=True)
class Button:
    """A quick reply whose title is the response utter_button_<title>."""

    title: str
    intent: str
    entities: dict[str, Any] | None = None

    @property
    def payload(self) -> str:
        """What a click sends, in Rasa's form."""
        return f"/{self.intent}{json.dumps(self.entities) if self.entities else ''}"


MORE = Button("more_images", "more_images")
UNDO = Button("undo_search", "undo_search")
RESTART = Button("restart_search", "restart_search")
HELP = Button("help", "help")


LIFT_FILTERS = Button("any", "refine_search", dict.fromkeys(FILTER_KEYS, ANY))


class Speaker:
    """Says things in the running turn.

    Args:
        dispatcher: Collects what is said.
        domain: Holds the titles of the quick replies.
        turn: The running turn.
    """

    def __init__(
        self, dispatcher: CollectingDispatcher, domain: dict[str, Any], turn: OpenTurn
    ) -> None:
        self._dispatcher = dispatcher
        self._domain = domain
        self._turn = turn

    def say(self, response: str, buttons: Sequence[Button] = (), **values: object) -> None:
        """Utter a response of the domain with the values of its variables."""
        shown = [{"title": self._title(b.title), "payload": b.payload} for b in buttons]
        self._dispatcher.utter_message(
            response=response, buttons=shown, **{name: str(v) for name, v in values.items()}
        )

    def ask_which(self, intent: str, count: int, known: Mapping[str, object]) -> None:
        """Ask which of the pictures shown last is meant; each number is a quick reply.

        Args:
            intent: What is to be done with the picture.
            count: How many were shown.
            known: Entities that the answer must carry besides the position.
        """
        buttons = [
            {
                "title": str(number),
                "payload": Button("", intent, {**known, "position": number}).payload,
            }
            for number in range(1, count + 1)
        ]
        self._dispatcher.utter_message(
            response="utter_which_one", buttons=buttons, count=str(count)
        )

    def ask_group(self, labels: Sequence[str]) -> None:
        """Ask which group of pictures is meant; each is a quick reply that refines the search."""
        names = [self._scene(label) for label in labels]
        word = self._word("utter_or")
        choice = f"{', '.join(names[:-1])} {word} {names[-1]}"
        buttons = [
            {"title": name, "payload": Button("", "refine_search", {"query": name}).payload}
            for name in names
        ]
        self._dispatcher.utter_message(response="utter_ask_group", buttons=buttons, choice=choice)

    def describe(self, query: Query) -> str:
        """Return the query's texts and filters as one line, for people; empty if it has none."""
        return clean_label(", ".join([*query.texts, *map(self._condition, query.filters)]))

    def show(
        self, response: str, query: Query, hits: Sequence[Hit], *, more: bool, **values: object
    ) -> None:
        """Utter a response, then each picture, then the facts about all of them.

        Args:
            response: Its variable {query} is filled from the query.
            query: The search that the pictures belong to.
            hits: In their order, at least one.
            more: Whether to offer more pictures.
            values: For other variables of the response.
        """
        label = self.describe(query)
        similar = Button("similar_to_image", "similar_to_image", {"image": hits[0].image_id})
        lift = [LIFT_FILTERS] if query.filters else []
        buttons = [*([MORE] if more else []), similar, *lift, UNDO, RESTART]
        self.say(response, buttons, query=label, **values)
        images = [self._facts(hit) for hit in hits]
        for image in images:
            self._dispatcher.utter_message(image=image["url"])
        facts = {"type": "image_results", "query": label, "images": images}
        # Anything but {"data": ...} breaks Rasa's SocketIO channel.
        self._dispatcher.utter_message(json_message={"data": facts})

    def _scene(self, label: str) -> str:
        """Return a group's label in the language of the domain, where it has one."""
        name = f"utter_scene_{label.replace(' ', '_')}"
        return self._word(name) if name in self._domain["responses"] else clean_label(label)

    def _title(self, name: str) -> str:
        return self._word(f"utter_button_{name}")

    def _word(self, response: str) -> str:
        return str(self._domain["responses"][response][0]["text"])

    def _condition(self, condition: tuple[str, str]) -> str:
        """Return a filter in words: ("date", "2023") is "from 2023 only"."""
        key, value = condition
        first, dots, last = value.partition("..")
        if key != "date" or not dots:
            kind = f"utter_filter_{key}" if key in FILTER_KEYS else "utter_filter"
        elif first and last:
            kind = "utter_filter_between"
        else:
            kind = "utter_filter_since" if first else "utter_filter_until"
        words = {"value": value, "key": key, "first": first, "last": last}
        # Not str.format: what people typed may hold braces.
        template = self._word(kind)
        return re.sub(r"{(\w+)}", lambda match: words[match[1]], template)

    def _facts(self, hit: Hit) -> dict[str, Any]:
        url = f"{self._turn.settings.base_url}/images/{hit.image_id}"
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


def clean_label(label: str) -> str:
    """Return a text as it may stand in an utterance: one line, bounded."""
    if len(label) > _LONGEST_LABEL:
        label = label[: _LONGEST_LABEL - 1].rstrip() + "…"
    # Rasa takes "0[" in a filled response for a variable that it failed to fill.
    return label.replace("0[", "0 [")


def keep(hits: Sequence[Hit]) -> list[StoredHit]:
    """Return the hits as the session record keeps them."""
    return [
        StoredHit(
            image_id=hit.image_id,
            caption=hit.caption[:_LONGEST_KEPT_CAPTION],
            score=hit.score,
            reasons=list(hit.reasons),
        )
        for hit in hits
    ]
