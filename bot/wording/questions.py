"""What a question about a picture wants to know: how many, which colour, which one, whether.

The words that tell are data of each language (questions.yml in the Rasa project).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.wording.edits import names
from bot.wording.phrases import any_of

__all__ = ["Question", "QuestionReader"]

Kind = Literal["count", "colour", "which", "whether", "else"]
_KINDS: tuple[Kind, ...] = ("count", "colour", "which", "whether")


@dataclass(frozen=True)
class Question:
    """A question.

    Attributes:
        kind: what it asks for.
        things: the words for what it asks about, lower-cased, in their order.
    """

    kind: Kind
    things: tuple[str, ...]


class QuestionReader:
    """Reads questions.

    Args:
        phrases: kind -> how such questions begin; `empty`, the words that name no thing in them.
    """

    def __init__(self, phrases: Mapping[str, Sequence[str]]) -> None:
        self._begin = {
            kind: re.compile(rf"\W*{any_of(phrases, kind)}\b", re.IGNORECASE) for kind in _KINDS
        }
        self._empty = frozenset(phrases.get("empty", ()))

    def read(self, text: str) -> Question:
        """Return what a text asks."""
        for kind, begin in self._begin.items():
            if match := begin.match(text):
                return Question(kind, self._things(text[match.end() :]))
        return Question("else", self._things(text))

    def _things(self, text: str) -> tuple[str, ...]:
        named = [word for word in names(text) if word not in self._empty and not word.isdigit()]
        return tuple(dict.fromkeys(named))
