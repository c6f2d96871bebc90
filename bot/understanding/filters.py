"""Filters in what somebody wrote: "from 2023", "in holiday/", "tagged sunset", "any year".

Dates, folders and tags have a notation, so they are read by rules, one small grammar a language.
What they may name comes from the gallery: "a car from 1960" is a filter only where pictures of
1960 are, "in black/white" only where that is a folder. The rest of the message is understood as
ever.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from bot.understanding.reading import ANY, FILTER_KEYS, Span
from retrieval.store.filters import Facets

__all__ = ["NOTHING", "FilterReader", "without"]

NOTHING = Facets()
"""Of a gallery without folders, dates and tags."""

_FOUND_BY = "ShowtellFilters"
_YEAR, _MONTH, _DAY = r"(?:19|20)\d\d", r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_QUOTES = "\"'\u201c\u201d\u201e"
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class _Grammar:
    """Regular expressions without groups of their own; the twelve of `months` between blanks."""

    on: str
    taken: str
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
        on=r"(?:from|in|of|during)",
        taken=r"(?:(?:(?:taken|shot|made|only|just) )(?:from|in|of|during)(?: the year)?"
        r"|(?:from|in|of|during) the year)",
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
        on=r"(?:aus|von|in|vom|im)",
        taken=r"(?:(?:aufgenommen|nur) (?:aus dem jahr|im jahr|aus|von|in|vom|im)"
        r"|aus dem jahr|im jahr)",
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


class FilterReader:
    """Finds filters in texts.

    Args:
        language: "en" or "de".
    """

    def __init__(self, language: str = "en") -> None:
        self._grammar = _GRAMMARS[language]
        self._names = _Names(NOTHING)

    def read(self, text: str, facets: Facets = NOTHING) -> list[Span]:
        """Return the filters in the order of the text; the value is ANY for one to be lifted.

        Args:
            text: what was said.
            facets: what the gallery can be filtered by.
        """
        names = self._names
        if names.facets is not facets:
            self._names = names = _Names(facets)
        taken = [False] * len(text)
        found = []
        for span in self._candidates(text, names):
            if span.value == ANY or not any(taken[span.start : span.end]):
                taken[span.start : span.end] = [True] * (span.end - span.start)
                found.append(span)
        return sorted(found, key=lambda span: span.start)

    def _candidates(self, text: str, names: _Names) -> Iterator[Span]:
        """Yield what looks like a filter, the surest first."""
        grammar = self._grammar
        for match in _find(rf"\b(?:{grammar.any_filter})\b", text):
            yield from (_span(key, ANY, match) for key in FILTER_KEYS)
        facets = names.facets
        lifts = (
            ("date", grammar.any_date, facets.years),
            ("folder", grammar.any_folder, facets.folders),
            ("tag", grammar.any_tag, facets.tags),
        )
        for key, words, values in lifts:
            if values:
                yield from (_span(key, ANY, match) for match in _find(rf"\b(?:{words})\b", text))
        if facets.years:
            yield from self._dates(text, facets.years)
        if facets.folders:
            yield from self._folders(text, names.folders)
        if facets.tags:
            yield from self._tags(text, names)

    def _dates(self, text: str, years: Mapping[str, int]) -> Iterator[Span]:
        grammar = self._grammar
        months = "|".join(grammar.months.split())
        date = rf"(?:{_YEAR}-{_MONTH}(?:-{_DAY})?|(?:{months})\.? {_YEAR}|{_YEAR})"
        end = r"(?![\w-])"
        pattern = rf"\b{grammar.between} ({date}) ?{grammar.to} ?({date}){end}"
        for match in _find(pattern, text):
            first, last = (self._date(part) for part in match.groups())
            yield _span("date", f"{first}..{last}", match)
        for match in _find(rf"\b{grammar.after} ({date}){end}", text):
            yield _span("date", f"{_shift(self._date(match[1]), 1)}..", match)
        for match in _find(rf"\b{grammar.before} ({date}){end}", text):
            yield _span("date", f"..{_shift(self._date(match[1]), -1)}", match)
        for match in _find(rf"\b{grammar.taken} ({date}){end}", text):
            yield _span("date", self._date(match[1]), match)
        # "a car from 1960" is a car, where no picture is of that year.
        for match in _find(rf"\b{grammar.on} ({date}){end}", text):
            date_meant = self._date(match[1])
            if len(date_meant) > 4 or date_meant in years or match[0] == text.strip(" .!?"):
                yield _span("date", date_meant, match)
        for match in _find(rf"\b{grammar.since} ({date}){end}", text):
            yield _span("date", f"{self._date(match[1])}..", match)
        for match in _find(rf"\b{grammar.until} ({date}){end}", text):
            yield _span("date", f"..{self._date(match[1])}", match)
        for match in _find(rf"(?<![\w#-])({_YEAR}){end}", text):
            if match[1] in years:
                yield _span("date", match[1], match)

    def _date(self, text: str) -> str:
        """Return a date as the gallery writes it: "June 2023" is 2023-06."""
        for number, month in enumerate(self._grammar.months.split(), start=1):
            match = re.fullmatch(rf"(?:{month})\.? ({_YEAR})", text, re.IGNORECASE)
            if match:
                return f"{match[1]}-{number:02}"
        return text

    def _folders(self, text: str, folders: Mapping[str, str]) -> Iterator[Span]:
        grammar = self._grammar
        path = r"[\w.-]+(?:/[\w.-]+)*"
        for pattern in (
            rf"\b{grammar.inside} {grammar.folder} [{_QUOTES}]?({path})/?[{_QUOTES}]?(?!\w)",
            rf"\b{grammar.inside} [{_QUOTES}]?({path})/?[{_QUOTES}]? {grammar.folder}\b",
            rf"\b{grammar.inside} ({path})/(?!\w)",
        ):
            for match in _find(pattern, text):
                yield _span("folder", folders.get(match[1].lower(), match[1]), match)
        for match in _find(rf"\b{grammar.inside} ({path}/{path})(?!\w)", text):
            if match[1].lower() in folders:  # not "in black/white"
                yield _span("folder", folders[match[1].lower()], match)

    def _tags(self, text: str, names: _Names) -> Iterator[Span]:
        """Yield the tags behind "tagged" and "#".

        The words behind those are looked up, the longest run of them first, so that the work grows
        with the text and not with the number of tags.
        """
        grammar = self._grammar
        for match in _find(rf"(?:\b{grammar.tagged} |#)[{_QUOTES}]?", text):
            words = []
            for word in _WORD.finditer(text, match.end()):
                words.append(word)
                if len(words) == names.longest_tag:
                    break
            for last in reversed(words):
                said = text[match.end() : last.end()].rstrip(".,;:!?" + _QUOTES)
                tag = " ".join(said.lower().split())
                if tag in names.facets.tags:
                    yield Span("tag", tag, match.start(), match.end() + len(said), _FOUND_BY)
                    break
        # Another word is a tag too, one that no picture has.
        for match in _find(rf"\b{grammar.tagged_as} [{_QUOTES}]?([\w-]+)[{_QUOTES}]?", text):
            yield _span("tag", match[1].lower(), match)


class _Names:
    """What filters can name in a gallery, made ready for looking up."""

    def __init__(self, facets: Facets) -> None:
        self.facets = facets
        self.folders = {folder.lower(): folder for folder in facets.folders}
        self.longest_tag = max((len(tag.split()) for tag in facets.tags), default=0)


def without(text: str, spans: Collection[Span]) -> str:
    """Return a text of the same length with blanks where spans stand."""
    letters = list(text)
    for span in spans:
        letters[span.start : span.end] = " " * (span.end - span.start)
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


def _span(name: str, value: str, match: re.Match[str]) -> Span:
    return Span(name, value, match.start(), match.end(), _FOUND_BY)
