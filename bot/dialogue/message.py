"""One message in, what is said out, whatever the channel."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from bot.dialogue.replies import Said
from bot.errors import MessageRefused
from bot.understanding.meaning import Meaning
from retrieval.search.query import Query

__all__ = ["LONGEST_ID", "Form", "Message", "Turn", "check_message"]

LONGEST_ID = 100
"""Most characters of the id that a client gives a message."""


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
