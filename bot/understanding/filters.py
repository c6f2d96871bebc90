"""Filters in what somebody wrote: "from 2023", "in holiday/", "tagged sunset", "any year".

Dates, folders and tags have a notation, so they are read by rules, one small grammar a language;
what they may name comes from the gallery. The rest of the message is understood as ever.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from bot.understanding.meaning import ANY, FILTER_KEYS

_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"


@dataclass(frozen=True)
class Names:
    """What filters can name in a gallery.

    Attributes:
        folders: All folders, without a slash at the end.
        years: The years that pictures are from.
        tags: All tags, in lower case.
    """

    folders: Collection[str] = ()
    years: Collection[str] = ()
    tags: Collection[str] = ()


NO_NAMES = Names()
"""Of a gallery without folders, dates and tags."""


@dataclass(frozen=True)
class _Grammar:
    """Regular expressions without groups of their own; the twelve of `months` between blanks."""

    on: str
    since: str
    after: str
    until: str
    before: str
    between: str
    to: str
    folder: str
    inside: str
    tagged: str
    tagged_as: str
    any_date: str
    any_folder: str
    any_tag: str
    any_filter: str
    months: str


_GRAMMARS = {
    "en": _Grammar(
        on=r"(?:taken |shot |made )?(?:from|in|of|during)(?: the year)?",
        since=r"(?:since|starting in)",
        after=r"(?:after|later than|newer than)",
        until=r"(?:until|till|up to|to)",
        before=r"(?:before|earlier than|older than)",
        between=r"(?:from|between)",
        to=r"(?:to|and|until|till|-)",
        folder=r"(?:folder|directory|album)",
        inside=r"(?:in|from|inside|within|under)(?: the| my)?",
        tagged=r"(?:tagged(?: as| with)?|(?:with )?(?:the )?tags?)",
        tagged_as=r"tagged(?: as| with)?",
        any_date=r"(?:from |of |in )?(?:any|all|every) (?:years?|dates?|times?)|no matter when",
        any_folder=r"(?:from |in )?(?:any|all|every) (?:folders?|director(?:y|ies)|albums?)",
        any_tag=r"(?:with )?(?:any|all|no) tags?",
        any_filter=r"(?:without|no|clear|drop|remove|lift|forget|reset)"
        r"(?: the| all| any| my| all the)? filters?",
        months="jan(?:uary)? feb(?:ruary)? mar(?:ch)? apr(?:il)? may june? july? aug(?:ust)? "
        "sept?(?:ember)? oct(?:ober)? nov(?:ember)? dec(?:ember)?",
    ),
    "de": _Grammar(
        on=r"(?:aufgenommen )?(?:aus dem jahr|im jahr|aus|von|in|vom|im)",
        since=r"(?:seit|ab)",
        after=r"(?:nach|später als|neuer als)",
        until=r"(?:bis)",
        before=r"(?:vor|früher als|älter als)",
        between=r"(?:von|zwischen|aus)",
        to=r"(?:bis|und|-)",
        folder=r"(?:ordner|verzeichnis|album)",
        inside=r"(?:in|im|aus|unter)(?: dem| meinem)?",
        tagged=r"(?:mit (?:dem )?(?:schlagwort|tag|stichwort)|markiert mit|markiert als)",
        tagged_as=r"(?:mit dem (?:schlagwort|tag|stichwort)|markiert mit|markiert als)",
        any_date=r"(?:aus )?(?:jedes jahr|jedem jahr|alle jahre|allen jahren|egal aus welchem jahr"
        r"|egal wann|beliebiges jahr)",
        any_folder=r"(?:aus |in )?(?:alle ordner|allen ordnern|jedem ordner|egal welcher ordner)",
        any_tag=r"(?:alle schlagwörter|alle tags|egal welches schlagwort|beliebiges schlagwort)",
        any_filter=r"(?:ohne|keine|lösche|entferne|vergiss)(?: die| alle| den)? filter|filter weg",
        months="jan(?:uar)? feb(?:ruar)? märz apr(?:il)? mai juni? juli? aug(?:ust)? "
        "sept?(?:ember)? okt(?:ober)? nov(?:ember)? dez(?:ember)?",
    ),
}


@dataclass(frozen=True)
class FilterReader:
    """Finds filters in texts.

    Args:
        language: "en" or "de".
    """

    language: str = "en"

    def read(self, text: str, names: Names = NO_NAMES) -> list[dict[str, Any]]:
        """Return the filters as entities in Rasa's form; `value` is ANY for one to be lifted.

        Args:
            text: What was said.
            names: What filters can name in the gallery.
        """
        taken = [False] * len(text)
        found = []
        for entity in self._candidates(text, names):
            start, end = entity["start"], entity["end"]
            if entity["value"] == ANY or not any(taken[start:end]):
                taken[start:end] = [True] * (end - start)
                found.append(entity)
        return sorted(found, key=lambda entity: int(entity["start"]))

    def _candidates(self, text: str, names: Names) -> Iterator[dict[str, Any]]:
        """Yield what looks like a filter, the surest first."""
        grammar = _GRAMMARS[self.language]
        for match in _find(rf"\b(?:{grammar.any_filter})\b", text):
            yield from (_entity(key, ANY, match) for key in FILTER_KEYS)
        lifts = (grammar.any_date, grammar.any_folder, grammar.any_tag)
        for key, words in zip(FILTER_KEYS, lifts, strict=True):
            yield from (_entity(key, ANY, match) for match in _find(rf"\b(?:{words})\b", text))
        yield from self._dates(text, grammar, names)
        yield from self._folders(text, grammar, names)
        yield from self._tags(text, grammar, names)

    def _dates(self, text: str, grammar: _Grammar, names: Names) -> Iterator[dict[str, Any]]:
        months = "|".join(grammar.months.split())
        date = rf"(?:{_YEAR}-{_MONTH}(?:-{_DAY})?|(?:{months})\.? {_YEAR}|{_YEAR})"
        end = r"(?![\w-])"
        pattern = rf"\b{grammar.between} ({date}) ?{grammar.to} ?({date}){end}"
        for match in _find(pattern, text):
            first, last = (self._date(part, grammar) for part in match.groups())
            yield _entity("date", f"{first}..{last}", match)
        for match in _find(rf"\b{grammar.after} ({date}){end}", text):
            yield _entity("date", f"{_shift(self._date(match[1], grammar), 1)}..", match)
        for match in _find(rf"\b{grammar.before} ({date}){end}", text):
            yield _entity("date", f"..{_shift(self._date(match[1], grammar), -1)}", match)
        for match in _find(rf"\b{grammar.on} ({date}){end}", text):
            yield _entity("date", self._date(match[1], grammar), match)
        for match in _find(rf"\b{grammar.since} ({date}){end}", text):
            yield _entity("date", f"{self._date(match[1], grammar)}..", match)
        for match in _find(rf"\b{grammar.until} ({date}){end}", text):
            yield _entity("date", f"..{self._date(match[1], grammar)}", match)
        for match in _find(rf"(?<![\w#-])({_YEAR}){end}", text):
            if match[1] in names.years:  # a bare number is one only where it says something
                yield _entity("date", match[1], match)

    def _date(self, text: str, grammar: _Grammar) -> str:
        """Return a date as the gallery writes it: "June 2023" is 2023-06."""
        for number, month in enumerate(grammar.months.split(), start=1):
            match = re.fullmatch(rf"(?:{month})\.? ({_YEAR})", text, re.IGNORECASE)
            if match:
                return f"{match[1]}-{number:02}"
        return text

    def _folders(self, text: str, grammar: _Grammar, names: Names) -> Iterator[dict[str, Any]]:
        path = r"[\w.-]+(?:/[\w.-]+)*"
        known = {folder.lower(): folder for folder in names.folders}
        for pattern in (
            rf"\b{grammar.inside} ({path})/(?!\w)",
            rf"\b{grammar.inside} {grammar.folder} [\"'“„]?({path})/?[\"'”“]?(?!\w)",
            rf"\b{grammar.inside} [\"'“„]?({path})/?[\"'”“]? {grammar.folder}\b",
            rf"\b{grammar.inside} ({path}/{path})(?!\w)",
        ):
            for match in _find(pattern, text):
                yield _entity("folder", known.get(match[1].lower(), match[1]), match)

    def _tags(self, text: str, grammar: _Grammar, names: Names) -> Iterator[dict[str, Any]]:
        for tag in sorted(names.tags, key=len, reverse=True):
            quoted = re.escape(tag)
            pattern = rf"(?:\b{grammar.tagged} [\"'“„]?|#){quoted}(?!\w)[\"'”“]?"
            yield from (_entity("tag", tag, match) for match in _find(pattern, text))
        if names.tags:  # another word is a tag too, one that no picture has
            for match in _find(rf"\b{grammar.tagged_as} [\"'“„]?([\w-]+)[\"'”“]?", text):
                yield _entity("tag", match[1].lower(), match)


def without(text: str, entities: Collection[dict[str, Any]]) -> str:
    """Return a text of the same length with blanks where entities stand."""
    letters = list(text)
    for entity in entities:
        span = slice(entity["start"], entity["end"])
        letters[span] = " " * len(letters[span])
    return "".join(letters)


def _shift(date: str, step: int) -> str:
    """Return the year, month or day next to a date."""
    parts = [int(part) for part in date.split("-")]
    if len(parts) == 1:
        return str(parts[0] + step)
    if len(parts) == 2:
        months = parts[0] * 12 + parts[1] - 1 + step
        return f"{months // 12}-{months % 12 + 1:02}"
    try:
        return (datetime.date(*parts) + datetime.timedelta(days=step)).isoformat()
    except ValueError:  # such as 2023-02-31: refused, with a sentence, where it is used
        return date


def _find(pattern: str, text: str) -> Iterator[re.Match[str]]:
    return re.finditer(pattern, text, re.IGNORECASE)


def _entity(name: str, value: str, match: re.Match[str]) -> dict[str, Any]:
    return {
        "entity": name,
        "start": match.start(),
        "end": match.end(),
        "value": value,
        "extractor": "ShowtellFilters",
    }
