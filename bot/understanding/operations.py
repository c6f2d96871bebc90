"""What a message can ask for. A meaning is a tuple of these, in the order in which they act.

A new one is a class here, a line in meaning.py that makes it, and a function in bot/dialogue that
carries it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

__all__ = [
    "Allow",
    "Answer",
    "Ask",
    "Browse",
    "Chat",
    "Describe",
    "Exclude",
    "Filter",
    "Goodbye",
    "Greet",
    "Help",
    "Like",
    "More",
    "Operation",
    "Rate",
    "Redo",
    "Refine",
    "Replace",
    "Restart",
    "Search",
    "Thank",
    "Undo",
    "Unknown",
    "Unlike",
]


@dataclass(frozen=True)
class Operation:
    """One thing to do."""

    do: ClassVar[str]


# On the search


@dataclass(frozen=True)
class Search(Operation):
    """Begin a search, by words, by the upload of that key, or by both; exclusions stay."""

    do = "search"
    text: str = ""
    upload: str | None = None


@dataclass(frozen=True)
class Refine(Operation):
    """Narrow the running search down with more words."""

    do = "refine"
    text: str = ""


@dataclass(frozen=True)
class Replace(Operation):
    """Put a text in the place of a part of the search, or take the part out.

    Attributes:
        part: one of the search's texts, the id of a liked or disliked picture, or the value of a
            filter.
        text: what comes in its place; nothing if it is empty.
        kind: of the part: text, picture, upload (which needs no name), or the key of a filter.
    """

    do = "replace"
    part: str = ""
    text: str = ""
    kind: str = "text"


@dataclass(frozen=True)
class Exclude(Operation):
    """Leave something out, until a restart."""

    do = "exclude"
    text: str = ""


@dataclass(frozen=True)
class Allow(Operation):
    """Let in again what was left out; "everything" lifts all exclusions.

    Attributes:
        text: what is let in.
        exactly: lift the exclusion of this very text, and none that only shares a word with it.
    """

    do = "allow"
    text: str = ""
    exactly: bool = False


@dataclass(frozen=True)
class Filter(Operation):
    """Set a condition on date, folder or tags; without a value, lift those of the key."""

    do = "filter"
    key: str = ""
    value: str | None = None


# On pictures that were shown


@dataclass(frozen=True)
class AboutPictures(Operation):
    """Something about some of the pictures shown.

    Attributes:
        positions: 1 is the first of those shown last, -1 the last, 0 the middle one.
        image: id of a picture, in the place of positions.
    """

    positions: tuple[int, ...] = ()
    image: str | None = None


@dataclass(frozen=True)
class Like(AboutPictures):
    """Draw the search towards pictures, or begin one with them."""

    do = "like"


@dataclass(frozen=True)
class Unlike(AboutPictures):
    """Draw the search away from pictures."""

    do = "unlike"


@dataclass(frozen=True)
class Describe(AboutPictures):
    """Tell what pictures show, or answer a question about them.

    Attributes:
        question: as it was asked; empty where the whole picture is to be told.
    """

    do = "describe"
    question: str = ""


@dataclass(frozen=True)
class Rate(AboutPictures):
    """Keep a thumb for pictures, which the search follows from then on."""

    do = "rate"
    rating: Literal["up", "down"] | None = None


# Getting about


@dataclass(frozen=True)
class More(Operation):
    """Show more pictures of the running search.

    Attributes:
        instead: those shown so far are not what was meant.
    """

    do = "more"
    instead: bool = False


@dataclass(frozen=True)
class Browse(Operation):
    """Show a bit of everything that the gallery has."""

    do = "browse"


@dataclass(frozen=True)
class Answer(Operation):
    """Answer the question that was asked in the turn before.

    Attributes:
        choice: the option that was chosen; "" for all of them, or for none.
        refused: none of the options.
    """

    do = "answer"
    choice: str = ""
    refused: bool = False


@dataclass(frozen=True)
class Undo(Operation):
    """Go back to the search before the last changes, as many as there are at most."""

    do = "undo"
    steps: int = 1


@dataclass(frozen=True)
class Redo(Operation):
    """Take an undo back."""

    do = "redo"


@dataclass(frozen=True)
class Restart(Operation):
    """Forget the running search."""

    do = "restart"


# Questions


@dataclass(frozen=True)
class Ask(AboutPictures):
    """Ask about the gallery, the search, a hit or the bot; the search stays.

    Attributes:
        about: "count", "kinds", "rights", "search", "why", "bot", "privacy" or "languages".
    """

    do = "ask"
    about: str = ""


# Small talk


@dataclass(frozen=True)
class SmallTalk(Operation):
    """What leaves the search alone; the project's rules say how it is answered.

    Attributes:
        intent: whose rule answers.
        beside: something else was said with it, which is what is answered.
    """

    intent: str = ""
    beside: bool = False


@dataclass(frozen=True)
class Greet(SmallTalk):
    """Say hello."""

    do = "greet"


@dataclass(frozen=True)
class Thank(SmallTalk):
    """Say thanks."""

    do = "thank"


@dataclass(frozen=True)
class Goodbye(SmallTalk):
    """Say goodbye."""

    do = "goodbye"


@dataclass(frozen=True)
class Help(SmallTalk):
    """Ask what the bot can do."""

    do = "help"


@dataclass(frozen=True)
class Chat(SmallTalk):
    """Say something that asks for no picture.

    Attributes:
        about: the subject, where there is an answer of its own.
    """

    do = "chat"
    about: str = ""


@dataclass(frozen=True)
class Unknown(SmallTalk):
    """Say something that is not understood, or an intent of somebody's own project.

    Attributes:
        language: in which it was said, where that is why.
        text: what was said in that language.
    """

    do = "unknown"
    language: str = ""
    text: str = ""
