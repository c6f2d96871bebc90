"""One message in, what is said out, whatever the channel: responses, quick replies, pictures."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Self

from bot.errors import MessageRefused
from bot.understanding.meaning import Meaning
from bot.understanding.reading import ANY, FILTER_KEYS
from retrieval.search.query import Hit, Query

__all__ = [
    "HELP",
    "LIFT_FILTERS",
    "LONGEST_ID",
    "MORE",
    "RESTART",
    "UNDO",
    "Button",
    "Choice",
    "Form",
    "Message",
    "Said",
    "Turn",
    "Words",
    "check_message",
    "clean_label",
]

LONGEST_ID = 100
"""Most characters of the id that a client gives a message."""
_LONGEST_LABEL = 200
_CAPTION = "caption:"


@dataclass(frozen=True)
class Message:
    """What somebody sent.

    Attributes:
        text: words; empty where there is a picture or a filter.
        picture: an uploaded file, or its bytes.
        filters: conditions that the sender's program set, (key, value).
        secret: of who began the conversation; empty where it is open.
        id: by which a message that is sent again is known; empty where it has none.
        shown: what the sender sees in its place, for the history; empty for the text itself.
    """

    text: str = ""
    picture: bytes | BinaryIO | None = None
    filters: tuple[tuple[str, str], ...] = ()
    secret: str = field(default="", repr=False)
    id: str = ""
    shown: str = ""


@dataclass(frozen=True)
class Button:
    """A quick reply whose title is the response utter_button_<title>."""

    title: str
    intent: str
    entities: dict[str, Any] | None = None

    @property
    def payload(self) -> str:
        """What a click sends."""
        return _payload(self.intent, self.entities)


MORE = Button("more_images", "more_images")
UNDO = Button("undo_search", "undo_search")
RESTART = Button("restart_search", "restart_search")
HELP = Button("help", "help")
LIFT_FILTERS = Button("any", "refine_search", dict.fromkeys(FILTER_KEYS, ANY))


@dataclass(frozen=True)
class Choice:
    """A quick reply as people see it: its title, and what a click sends."""

    title: str
    payload: str

    @classmethod
    def sending(cls, title: str, intent: str, entities: dict[str, Any]) -> Self:
        """Return one that sends an intent with its entities."""
        return cls(title, _payload(intent, entities))


@dataclass(frozen=True)
class Said:
    """One thing said; each channel puts it into its own form.

    Attributes:
        response: name of a response of the domain.
        values: for its variables.
        choices: quick replies.
        pictures: shown below it, best first.
        query: the search that the pictures belong to, in one line.
        filled: the response as the embedded manager fills it in: text and whatever else the domain
            gives it. A Rasa server fills it in itself.
    """

    response: str
    values: Mapping[str, str] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    pictures: tuple[Hit, ...] = ()
    query: str = ""
    filled: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """The answer to one message.

    Attributes:
        said: in its order.
        meaning: what the message was understood as.
        query: the search as it stands now; an empty one where there is none.
        confident: whether the pictures on the screen fit; None where nothing was searched.
        turn: number of the turn in its session, from 1.
        written: in the channel's form, JSON; empty where that keeps no history.
    """

    said: tuple[Said, ...]
    meaning: Meaning
    query: Query
    confident: bool | None
    turn: int
    written: str = ""


@dataclass(frozen=True)
class Form:
    """The form in which a channel answers, and in which its answers are kept.

    Attributes:
        channel: its name.
        write: puts an answer into it, as JSON.
    """

    channel: str
    write: Callable[[Turn], str]


class Words:
    """The words of a domain that stand inside of others: titles, filters, groups.

    Args:
        domain: domain.yml as it is, or as a Rasa server sends it.
    """

    def __init__(self, domain: Mapping[str, Any]) -> None:
        self._responses: Mapping[str, Any] = domain.get("responses") or {}

    def choices(self, buttons: Iterable[Button]) -> tuple[Choice, ...]:
        """Return quick replies with their titles."""
        return tuple(
            Choice(self._word(f"utter_button_{button.title}"), button.payload) for button in buttons
        )

    def groups(self, labels: Sequence[str]) -> tuple[list[str], str]:
        """Return the names of groups of pictures, and all of them as a choice: "a, b or c"."""
        names = self.labels(labels)
        return names, f"{', '.join(names[:-1])} {self._word('utter_or')} {names[-1]}"

    def describe(self, query: Query, left_out: Sequence[str] = ()) -> str:
        """Return a query's texts and filters as one line, for people; empty if it has none.

        Args:
            query: a search.
            left_out: exclusions to name with it.
        """
        parts = [*query.texts, *(self._condition(*condition) for condition in query.filters)]
        without = [self._fill("utter_filter_without", {"value": text}) for text in left_out]
        return clean_label(", ".join([*parts, *without]))

    def labels(self, labels: Sequence[str]) -> list[str]:
        """Return the names of groups of pictures."""
        return [self._scene(label) for label in labels]

    @property
    def pictures(self) -> str:
        """The word for what a search without words looks for."""
        return self._word("utter_pictures")

    def quoted(self, words: Sequence[str]) -> str:
        """Return words in quotation marks, with commas."""
        return ", ".join(self._fill("utter_widget_quoted", {"word": word}) for word in words)

    def reasons(self, reasons: Sequence[str]) -> str:
        """Return why a picture was shown, as sentences; see `Hit.reasons`."""
        words = [reason.removeprefix(_CAPTION) for reason in reasons if reason.startswith(_CAPTION)]
        said = []
        if words:
            said.append(self._fill("utter_widget_why_words", {"words": self.quoted(words)}))
        kinds = [reason for reason in reasons if not reason.startswith(_CAPTION)]
        said += [self._word(f"utter_widget_why_{kind}") for kind in kinds]
        return clean_label(" ".join(said))

    def _scene(self, label: str) -> str:
        """Return a group's label in the language of the domain, where it has one."""
        name = f"utter_scene_{label.replace(' ', '_')}"
        return self._word(name) if name in self._responses else clean_label(label)

    def _condition(self, key: str, value: str) -> str:
        """Return a filter in words: ("date", "2023") is "from 2023 only"."""
        first, dots, last = value.partition("..")
        if key != "date" or not dots:
            kind = f"utter_filter_{key}" if key in FILTER_KEYS else "utter_filter"
        elif first and last:
            kind = "utter_filter_between"
        else:
            kind = "utter_filter_since" if first else "utter_filter_until"
        return self._fill(kind, {"value": value, "key": key, "first": first, "last": last})

    def _fill(self, response: str, values: Mapping[str, str]) -> str:
        # Not str.format: what people typed may hold braces.
        return re.sub(r"{(\w+)}", lambda match: values[match[1]], self._word(response))

    def _word(self, response: str) -> str:
        return str(self._responses[response][0]["text"])


def _payload(intent: str, entities: dict[str, Any] | None) -> str:
    """Return what a click sends, in Rasa's form."""
    return f"/{intent}{json.dumps(entities) if entities else ''}"


def clean_label(label: str) -> str:
    """Return a text as it may stand in an utterance: one line, bounded."""
    if len(label) > _LONGEST_LABEL:
        label = label[: _LONGEST_LABEL - 1].rstrip() + "…"
    # Rasa takes "0[" in a filled response for a variable that it failed to fill.
    return label.replace("0[", "0 [")


def check_message(text: str, longest: int, *, nothing_else: bool = True) -> str:
    """Return the text of a message, line ends and margins cleaned.

    Args:
        text: what was typed.
        longest: most characters.
        nothing_else: whether the text is all there is, so that it must not be empty.

    Raises:
        MessageRefused: it is empty, too long, or has control characters.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text and nothing_else:
        raise MessageRefused(
            "The message is empty: send a text, a picture, or both.", "utter_error_empty"
        )
    if len(text) > longest:
        raise MessageRefused(
            f"The message has {len(text)} characters; at most {longest} are allowed.",
            "utter_error_too_long",
            length=len(text),
            most=longest,
        )
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\t":
            raise MessageRefused(
                f"The message has the control character U+{ord(character):04X}; send plain text.",
                "utter_error_control",
                character=f"U+{ord(character):04X}",
            )
    return text
