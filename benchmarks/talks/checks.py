"""What must hold after a talk: one function for each field that a talk of a list may have.

A word is matched in any of its forms ("horses" is "horse"); "a|b" is met by either. The fields of
../shared/talks/README.md, and those of our own list:

    shows           at least half of the captions shown hold one of these words
    shows_none      no caption shown holds one of them
    pictures        whether pictures come
    pictures_of     the pictures are those that message n was answered with
    not_same        the answer is not the sentence of the answer before
    pixels          brighter, darker or more colourful than the pictures shown before
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

Answer = dict[str, Any]

IRREGULAR = {
    "children": "child",
    "people": "person",
    "men": "man",
    "women": "woman",
    "puppies": "puppy",
}
ENDINGS = ("s", "es", "ing", "er", "ers")
SHORTEST_STEM = 3
PIXELS = {"brighter": ("V", 1), "darker": ("V", -1), "more colourful": ("S", 1)}


@dataclass(frozen=True)
class Talk:
    """A talk that was played.

    Attributes:
        expected: its line of the list.
        answers: to each of its messages.
        load: returns a picture of an answer by its address.
    """

    expected: dict[str, Any]
    answers: Sequence[Answer]
    load: Callable[[str], Image.Image]

    @property
    def last(self) -> Answer:
        """The answer that is judged."""
        return self.answers[-1]

    @property
    def search(self) -> dict[str, Any]:
        """The search as it stands at the end."""
        return self.last.get("search") or {}

    @property
    def text(self) -> str:
        """What was said last."""
        return said(self.last)

    @property
    def seen(self) -> list[dict[str, Any]]:
        """The pictures on the screen before the last message."""
        pages = [page for page in map(pictures, self.answers[:-1]) if page]
        return pages[-1] if pages else []


def said(answer: Answer) -> str:
    """Return the sentences of an answer as one text."""
    return " ".join(reply["text"] for reply in answer["replies"] if reply.get("text"))


def pictures(answer: Answer) -> list[dict[str, Any]]:
    """Return the pictures of an answer."""
    return [image for reply in answer["replies"] for image in reply.get("images") or ()]


def asks(answer: Answer) -> bool:
    """Whether an answer is a question with replies to choose from."""
    has_choices = any(reply.get("quick_replies") for reply in answer["replies"])
    return has_choices and any("?" in (reply.get("text") or "") for reply in answer["replies"])


def clarifies(answer: Answer) -> bool:
    """Whether an answer asks which of the pictures found are meant: by replies that refine."""
    choices = [reply.get("quick_replies") or [] for reply in answer["replies"]]
    return any(
        some and all(one["payload"].startswith("/refine_search") for one in some)
        for some in choices
    )


def check(talk: Talk) -> str | None:
    """Return why a talk fails, or None if all holds."""
    if "search" not in talk.last or "operations" not in talk.last:
        return "the answer has no 'search' and 'operations'"
    reasons = (CHECKS[field](talk, value) for field, value in talk.expected.items())
    return next((reason for reason in reasons if reason), None)


def forms(word: str) -> set[str]:
    """Return a word and what it may be a form of: horses -> horses, horse, hors."""
    word = word.lower()
    found = {word, IRREGULAR.get(word, word)}
    for ending in ENDINGS:
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= SHORTEST_STEM:
            found |= {stem} if ending in ("s", "es") else {stem, stem + "e"}
    return found


def holds(texts: Iterable[str], word: str) -> bool:
    """Whether one of the texts holds a word, or one of several ("a|b"), in any form."""
    found = {form for text in texts for one in re.findall(r"\w+", text) for form in forms(one)}
    return any(forms(one) & found for one in word.split("|"))


def _wanted(talk: Talk, words: list[str]) -> str | None:
    texts = talk.search.get("wanted", [])
    missing = [word for word in words if not holds(texts, word)]
    return f"{missing} not wanted: {texts}" if missing else None


def _not_wanted(talk: Talk, words: list[str]) -> str | None:
    texts = talk.search.get("wanted", [])
    left = [word for word in words if holds(texts, word)]
    return f"{left} still wanted: {texts}" if left else None


def _excluded(talk: Talk, words: list[str]) -> str | None:
    texts = talk.search.get("excluded", [])
    right = len(texts) <= len(words) and all(holds(texts, word) for word in words)
    return None if right else f"excluded is {texts}, expected {words}"


def _marked(side: str) -> Callable[[Talk, list[int]], str | None]:
    def check_side(talk: Talk, positions: list[int]) -> str | None:
        expected = sorted(talk.seen[position - 1]["id"] for position in positions)
        marked = sorted(talk.search.get(side, []))
        return None if marked == expected else f"{side} is {marked}, expected {positions}"

    return check_side


def _keeps(talk: Talk, _: bool) -> str | None:
    before = talk.answers[-2].get("search") or {}
    return None if before == talk.search else f"the search changed: {before} -> {talk.search}"


def _do(talk: Talk, names: list[str]) -> str | None:
    done = [operation["do"] for operation in talk.last["operations"]]
    return None if set(done) & set(names) else f"did {done}, expected one of {names}"


def _do_not(talk: Talk, names: list[str]) -> str | None:
    done = [operation["do"] for operation in talk.last["operations"]]
    return f"did {done}" if set(done) & set(names) else None


def _confident(talk: Talk, expected: bool) -> str | None:
    confident = talk.search.get("confident")
    return None if confident is expected else f"confident is {confident}"


def _reply_has(talk: Talk, words: list[str]) -> str | None:
    missing = [word for word in words if word not in talk.text.lower()]
    return f"{missing} not in {talk.text!r}" if missing else None


def _reply_has_number(talk: Talk, _: bool) -> str | None:
    return None if re.search(r"\d", talk.text) else f"no number in {talk.text!r}"


def _corrected(talk: Talk, word: str) -> str | None:
    texts = [*talk.search.get("wanted", []), talk.text]
    return None if word in " ".join(texts).lower() else f"{word!r} was not meant: {texts}"


def _language(talk: Talk, language: str) -> str | None:
    """Fitting pictures, or a sentence in the language of the message."""
    told = talk.last.get("language")
    if told == language and not talk.search.get("confident"):
        return None
    if not pictures(talk.last):
        return f"language is {told} and there are no pictures"
    return _shows(talk, talk.expected.get("shows", []))


def _shows(talk: Talk, words: list[str]) -> str | None:
    captions = [picture["caption"] for picture in pictures(talk.last)]
    fitting = sum(holds([caption], "|".join(words)) for caption in captions)
    enough = captions and (not words or 2 * fitting >= len(captions))
    return None if enough else f"{fitting} of {len(captions)} show it: {captions}"


def _shows_none(talk: Talk, words: list[str]) -> str | None:
    captions = [picture["caption"] for picture in pictures(talk.last)]
    wrong = [caption for caption in captions if holds([caption], "|".join(words))]
    return None if captions and not wrong else f"{len(captions)} shown, wrong: {wrong}"


def _pictures(talk: Talk, expected: bool) -> str | None:
    come = bool(pictures(talk.last))
    return None if come is expected else f"pictures come: {come}"


def _pictures_of(talk: Talk, message: int) -> str | None:
    pages = [
        [picture["id"] for picture in pictures(one)]
        for one in (talk.answers[message - 1], talk.last)
    ]
    return None if pages[0] == pages[1] else f"not the pictures of message {message}"


def _not_same(talk: Talk, _: bool) -> str | None:
    return f"said twice: {talk.text!r}" if talk.text == said(talk.answers[-2]) else None


def _pixels(talk: Talk, change: str) -> str | None:
    band, sign = PIXELS[change]
    pages = talk.seen, pictures(talk.last)
    if not all(pages):
        return "there are no pictures"
    before, after = (
        np.mean([_mean(talk.load(picture["thumbnail"]), band) for picture in page])
        for page in pages
    )
    return None if sign * (after - before) > 0 else f"not {change}: {before:.0f} -> {after:.0f}"


def _mean(image: Image.Image, band: str) -> float:
    return float(np.asarray(image.convert("HSV").getchannel(band)).mean())


def _nothing(talk: Talk, _: object) -> None:
    """Fields that say nothing about the outcome, or that another check reads."""


CHECKS: dict[str, Callable[[Talk, Any], str | None]] = {
    "kind": _nothing,
    "say": _nothing,
    "after_question": _nothing,
    "wanted": _wanted,
    "not_wanted": _not_wanted,
    "excluded": _excluded,
    "liked_at": _marked("liked"),
    "disliked_at": _marked("disliked"),
    "keeps": _keeps,
    "do": _do,
    "do_not": _do_not,
    "confident": _confident,
    "reply_has": _reply_has,
    "reply_has_number": _reply_has_number,
    "corrected": _corrected,
    "language": _language,
    "shows": lambda talk, words: None if "language" in talk.expected else _shows(talk, words),
    "shows_none": _shows_none,
    "pictures": _pictures,
    "pictures_of": _pictures_of,
    "not_same": _not_same,
    "pixels": _pixels,
}
"""What each field of a talk asks for; an unknown field is an error of the list."""
