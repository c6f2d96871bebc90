"""In which language a message is written, where that is not the one that is spoken here.

Messages are short, so a guess alone would take many an English one for something else. A message
is foreign only where its letters are those of another script, or where most of its words are none
that the spoken language knows or are common in another one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from operator import or_
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from bot.wording.text import split_words

__all__ = ["LanguageDetector"]

# So sure the guess must be where no word of the message is a common one of the language.
_SURE = 0.9
_FEWEST_WORDS = 2
# A message is foreign when more than this share of its words is.
_MOSTLY = 0.5


class LanguageDetector:
    """Tells messages in other languages.

    Args:
        spoken: code of the language that is spoken here.
        others: code -> what is known of a language: `words` and `letters` as
            languages/others.yml has them.
        known: tells whether a word is one of the spoken language; None tells by letters alone.
    """

    def __init__(
        self,
        spoken: str,
        others: Mapping[str, Mapping[str, Any]],
        known: Callable[[str], bool] | None,
    ) -> None:
        self._spoken, self._known = spoken, known
        self._others = [code for code in others if code != spoken]
        words = {code: frozenset(others[code].get("words", "").split()) for code in others}
        self._own = words.get(spoken, frozenset())
        self._marks = {code: words[code] - self._own for code in self._others}
        self._letters = {code: frozenset(others[code].get("letters", "")) for code in others}
        self._scripts = {code: _scripts(others[code].get("sentence", "")) for code in others}

    def foreign(self, text: str) -> str | None:
        """Return the code of the language of a text, or None for the one that is spoken here."""
        words = [word.text for word in split_words(text) if not word.text.isdigit()]
        letters = [letter for word in words for letter in word if letter.isalpha()]
        if not letters or not self._others:
            return None
        latin = sum("LATIN" in unicodedata.name(letter, "") for letter in letters)
        if latin < len(letters) / 2:
            return self._guesses(text)[0][0]
        if self._known is None or len(words) < _FEWEST_WORDS:
            return None
        strange = [not (word in self._own or self._known(word)) for word in words]
        foreign = {  # how many words are of each language, or of none
            code: sum(map(or_, strange, (word in marks for word in words)))
            for code, marks in self._marks.items()
        }
        if max(foreign.values()) <= _MOSTLY * len(words):
            return None  # whatever the guess would be, which takes most of the time
        guesses = dict(self._guesses(text))
        marked = {code: sum(word in self._marks[code] for word in words) for code in guesses}
        code = max(guesses, key=lambda code: (marked[code], guesses[code]))
        if foreign[code] <= _MOSTLY * len(words):
            return None
        return code if marked[code] or guesses[code] >= _SURE else None

    def _guesses(self, text: str) -> list[tuple[str, float]]:
        """Return the languages that a text can be of with their likelihoods, likeliest first."""
        ranked = _identifier((*self._others, self._spoken)).rank(text.lower())
        written = _scripts(text)
        guesses = [
            (str(code), float(share))
            for code, share in ranked
            if code != self._spoken
            and (not self._letters[code] or self._letters[code] & set(text.lower()))
        ]
        # The identifier knows no script: a single Chinese letter is Arabic to it.
        return [one for one in guesses if self._scripts[one[0]] & written] or guesses


def _scripts(text: str) -> set[str]:
    """Return the scripts that a text is written in, as Unicode names them: "LATIN", "CJK"."""
    return {unicodedata.name(letter, "?").split()[0] for letter in text if letter.isalpha()}


@cache
def _identifier(languages: tuple[str, ...]) -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(sorted(set(languages)))
    return identifier
