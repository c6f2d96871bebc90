"""Which clauses of a message say what is not wanted: "dogs, but no people" has one.

The words that begin and end such a clause are data of each language (clauses.yml in the Rasa
project). What exactly is not wanted within a clause is the tagger's business.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

from bot.wording.phrases import Place, any_of, any_regular, halves, only

__all__ = ["Clause", "ClauseSplitter"]

# In words: a thing that something is said behind, and what is said beside the wish.
_LONGEST_THING, _LONGEST_ASIDE = 6, 20
# In words, too: a wish behind less is told about by nothing.
_SHORTEST_PREAMBLE = 4
# In letters.
_LONG_CUE = 6
# Nobody says more at once, and each takes time to read.
_MOST_PIECES, _MOST_CLAUSES = 8, 16
_EMOTICON = r"[:;=]['\u2019]?-?[()DPpO/|]+"
# A full stop; behind "a", "St" or "Dr" it is none.
_STOP = r"(?<=\w{2})(?<!\bst)(?<!\bdr)(?<!\bmr)(?<!\bvs)\."


class Clause(NamedTuple):
    """Where a clause stands in a text.

    Attributes:
        start: of the words that it begins with ("but no").
        body: where those end.
        end: where the clause does.
        is_named: whether the words between body and end name it, and nothing else is among them.
    """

    start: int
    body: int
    end: int
    is_named: bool = False


class _Framed:
    """A pattern of what stands between two phrases, compiled once a text has both of them.

    There are dozens, each with all that a sentence can begin with: to compile them takes seconds
    of each start, and most texts have no such phrase.
    """

    def __init__(self, before: str, after: str, whole: str) -> None:
        self._phrases = [re.compile(one, re.IGNORECASE) for one in (before, after)]
        self._whole = whole

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self._whole, re.IGNORECASE)

    def finditer(self, text: str) -> Iterable[re.Match[str]]:
        """Return its matches in a text."""
        is_there = all(phrase.search(text) for phrase in self._phrases)
        return self._pattern.finditer(text) if is_there else ()


class ClauseSplitter:
    """Finds the clauses that exclude.

    Args:
        phrases: those of one language, by their part: exclusion, opening, behind, resume, joined,
            never, twice, added, aside, aside_behind, together, apart, social, closing, and so on. A
            language that has none splits nothing.

    Attributes:
        cues: long words that clauses begin with; short ones are too easily something else.
        exclusions: text -> its clauses that exclude, in their order. Reading asks for those of a
            text several times.
    """

    def __init__(self, phrases: Mapping[str, Sequence[str]]) -> None:
        beginning = ("exclusion", "opening", "firm")
        words = {
            word for part in beginning for one in phrases.get(part, ()) for word in one.split()
        }
        self.cues = {word for word in words if len(word) >= _LONG_CUE}
        self.exclusions = lru_cache(maxsize=1024)(self._find_exclusions)
        exclusion = any_of(phrases, "exclusion")
        opening, joined = any_of(phrases, "opening", "firm"), any_of(phrases, "joined")
        # A blank is due behind each: in "no, a cat" nothing is excluded.
        never = any_of(phrases, "never", "twice", "added")
        begun = rf"\b{any_of(phrases, 'resume', 'joined')}\s"
        sentence = rf"(?:^|(?<=[,.;:!?(\u2013\u2014])|(?<=\s-)|{begun})\s*"
        ending = r"\s*(?=[,.;:!?)]|$)"
        self._never = re.compile(rf"\b{never}\b", re.IGNORECASE)
        self._twice = re.compile(rf"\b{any_of(phrases, 'twice')}\b", re.IGNORECASE)
        self._added = re.compile(rf",?\s+{any_of(phrases, 'added')}\b", re.IGNORECASE)
        self._beside = next(iter(phrases.get("beside", ())), "")
        self._begin = re.compile(
            rf"(?P<never>\b(?:{any_of(phrases, 'turning')}\s+)?{never}\b)"
            rf"|(?P<listing>\b{any_of(phrases, 'listing')}\s*:\s*(?=\w))"
            rf"|(?:(?<!\w){exclusion}"
            rf"|(?:^|[,.;:!?(\u2013\u2014]|\s-)\s*(?:{joined}\s+)?(?!{never}\b){opening})"
            r"\s+(?=\w)",
            re.IGNORECASE,
        )
        word = rf"(?!{exclusion}\b|[-\u2013\u2014]\s)[^\s,.;:!?()]+"
        thing = rf"(?:{word}\s+){{1,{_LONGEST_THING}}}?"
        self._aside = re.compile(
            rf"(?<!\w){any_of(phrases, 'aside')}(?:\s+{word}){{1,{_LONGEST_ASIDE}}}"
            rf"|{sentence}{thing}{any_of(phrases, 'aside_behind')}(?!\w)"
            rf"|(?<!\w){any_regular(phrases, 'purpose')}(?!\w)",
            re.IGNORECASE,
        )
        self._behind = re.compile(
            rf"{sentence}(?P<thing>{thing}){any_of(phrases, 'behind', 'firm_behind')}{ending}",
            re.IGNORECASE,
        )
        around = [halves(phrase) for phrase in phrases.get("around", ())]
        self._around = [
            _Framed(before, after, rf"{sentence}{before}\s+(?P<thing>{thing}){after}{ending}")
            for before, after in around
        ]
        opposed = [halves(phrase) for phrase in phrases.get("opposed", ())]
        self._around += [
            _Framed(before, after, rf"\b{before}[\s,;]+(?P<thing>{thing}){after}{ending}")
            for before, after in opposed
        ]
        self._end = re.compile(
            rf"[.;:!?)\u2013\u2014]|,?\s*\b{any_of(phrases, 'resume')}\b", re.IGNORECASE
        )
        self._anew = re.compile(rf",?\s*\b{any_of(phrases, 'anew')}\s", re.IGNORECASE)
        articles = "|".join({word for one in phrases.get("anew", ()) for word in one.split()[-1:]})
        self._article = re.compile(rf"(?:{articles or '(?!)'})\s", re.IGNORECASE)
        self._firm = re.compile(
            rf"[\s,.;:!?]*(?:{any_of(phrases, 'firm')}\s+\w"
            rf"|{thing}{any_of(phrases, 'firm_behind')}{ending})",
            re.IGNORECASE,
        )
        self._turn = re.compile(
            rf"\s*,?\s*\b(?:(?P<and>{any_of(phrases, 'beside')})|{any_of(phrases, 'turning')})\b",
            re.IGNORECASE,
        )
        edge = r"[\s,.;:!?]*"
        self._head = re.compile(rf"{edge}(?:{any_of(phrases, 'head')}\s+)+", re.IGNORECASE)
        tail = "|".join(
            [
                any_of(phrases, "tail", "behind", "firm_behind"),
                *(after for _, after in [*around, *opposed]),
            ]
        )
        self._tail = re.compile(rf"(?:[\s,]++(?:{tail}))+{edge}$", re.IGNORECASE)
        self._joined = re.compile(
            rf"(?P<together>\b{any_of(phrases, 'together')}\b)"
            rf"|\s*,\s*|\s*\b{joined}\b\s*",
            re.IGNORECASE,
        )
        asking = any_of(phrases, "asking")
        self._apart = re.compile(
            rf"(?:{_STOP}|[!?;])+\s+(?=\w)|\n+|\s+{_EMOTICON}(?:\s+|$)"
            rf"|,?\s+{any_of(phrases, 'apart')}\s+"
            rf"|,?\s+(?:{joined}|{any_of(phrases, 'hence')})\s+(?={asking}\b)",
            re.IGNORECASE,
        )
        turning = any_of(phrases, "turning")
        self._closing = re.compile(
            rf"(?<=\w)(?:[\s,.]++{any_of(phrases, 'closing')})+[\s.!]*$", re.IGNORECASE
        )
        self._leading = re.compile(rf"\s*(?:{turning}|{joined})\s+", re.IGNORECASE)
        self._announced = re.compile(
            rf"[\s,.;:!?\u2013\u2014-]+(?:(?:{turning}|{joined})\s+)?"
            rf"(?={any_regular(phrases, 'announcing')}(?!\w))",
            re.IGNORECASE,
        )
        self._asker = re.compile(rf"\s*{any_regular(phrases, 'asker')}\s+(?=\w)", re.IGNORECASE)
        self._awaiting = re.compile(rf"\s*{any_of(phrases, 'correction_apart')}", re.IGNORECASE)
        self._social = re.compile(
            rf"\s*{any_of(phrases, 'social')}"
            rf"(?:\s*[,.!:\u2013\u2014\u2026-]+\s*|\s+{turning}\s+)(?=\w)",
            re.IGNORECASE,
        )

    def pieces(self, text: str) -> list[Place]:
        """Return where the things stand that a message says one after the other.

        "Hello! A dog, and also tell me a joke" has three. An "and" before the second and a "please"
        at the end belong to none. "Wrong. A cat" is one: it corrects.
        """
        cuts = [(0, self._behind_preamble(text))]
        while len(cuts) < _MOST_PIECES and (match := self._social.match(text, cuts[-1][1])):
            cuts.append((match.end(), match.end()))
        begin = cuts[-1][1]
        cuts += [
            match.span()
            for match in self._apart.finditer(text, begin)
            if not self._awaiting.fullmatch(text, begin, match.start())
        ]
        del cuts[_MOST_PIECES:]
        for at, (start, end) in enumerate(cuts[1:], 1):
            if leading := self._leading.match(text, end):
                cuts[at] = start, leading.end()
        end = closing.start() if (closing := self._closing.search(text)) else len(text)
        edges = [*cuts, (max(end, cuts[-1][1]), len(text))]
        places = [
            (self._behind_asker(text, before[1]), after[0])
            for before, after in itertools.pairwise(edges)
        ]
        return [(start, end) for start, end in places if re.search(r"\w", text[start:end])]

    def _behind_preamble(self, text: str) -> int:
        """Return where a wish begins that much is told before: "I teach, and I'm looking for …"."""
        match = self._announced.search(text)
        told = text[: match.start()] if match else ""
        is_preamble = len(told.split()) >= _SHORTEST_PREAMBLE and not self.exclusions(told)
        return match.end() if match and is_preamble else 0

    def _behind_asker(self, text: str, start: int) -> int:
        """Return where a piece begins without who wants it: "my son loves trains"."""
        match = self._asker.match(text, start)
        return match.end() if match else start

    def core(self, text: str, start: int, end: int) -> Place:
        """Return where a thing that is not wanted stands without words that name nothing of it."""
        if head := self._head.match(text, start, end):
            start = head.end()
        if tail := self._tail.search(text[:end], start):
            end = tail.start()
        return start, end

    def plain(self, text: str) -> str:
        """Return a text with blanks in the place of idioms that only seem to exclude.

        "Dogs, not to mention cats" is "dogs and cats".
        """
        text = self._added.sub(lambda match: f" {self._beside}".ljust(len(match[0])), text)
        return self._never.sub(lambda match: " " * len(match[0]), text)

    def unsaid(self, text: str) -> str:
        """Return a text without what says no twice: "not without water" is "with water"."""

        def once(match: re.Match[str]) -> str:
            said = match[0].lower()
            is_with = said.startswith("with ") or said.endswith("without")
            return ("with" if is_with else "").ljust(len(match[0]))

        return self._twice.sub(once, text)

    def without_asides(self, text: str) -> str:
        """Return a text with blanks in the place of what is neither wanted nor unwanted.

        "A mountain, with or without snow" is a mountain.
        """
        return only(text, [match.span() for match in self._aside.finditer(text)], inside=False)

    def _find_exclusions(self, text: str) -> tuple[Clause, ...]:
        behind = list(self._behind.finditer(text))
        behind += [one for each in self._around for one in each.finditer(text)]
        begins = [
            match
            for match in self._begin.finditer(text)
            if match["never"] is None
            and not any(one.start() < match.end() <= one.end() for one in behind)
        ]
        del behind[_MOST_CLAUSES:], begins[_MOST_CLAUSES:]
        clauses = [Clause(one.start(), one.start("thing"), one.end(), True) for one in behind]
        for i, match in enumerate(begins):
            next_start = begins[i + 1].start() if i + 1 < len(begins) else len(text)
            ends = [self._end.search(text, match.end(), next_start)]
            if not self._article.match(text, match.end()):
                ends.append(self._anew.search(text, match.end(), next_start))
            end = min((one.start() for one in ends if one), default=next_start)
            if match["listing"] is None:
                end = self._before_aside(text, match.end(), end)
            clauses.append(Clause(match.start(), match.end(), end, match["listing"] is not None))
        return tuple(sorted(clauses))

    def without(self, text: str, exclusions: Sequence[Clause]) -> str:
        """Return a text with blanks in the place of its clauses that exclude.

        The "but" goes with them that leads back to what is wanted, also an "and" where nothing is
        wanted before it; so does punctuation before all that is left.
        """
        places: list[Place] = []
        for one in exclusions:
            turn, end = self._turn.match(text, one.end), one.end
            if turn:
                wanted = only(text[: one.start], places, inside=False)
                goes_on = turn["and"] and re.search(r"\w", wanted)
                end = turn.start("and") if goes_on else turn.end()
            places.append((one.start, end))
        left = only(text, places, inside=False)
        return re.sub(r"^[\s,.;:!?]+", lambda match: " " * len(match[0]), left)

    def is_firm(self, text: str) -> bool:
        """Whether a text can only exclude: "I can't stand clowns", "the clowns must go"."""
        return bool(self._firm.match(text))

    def is_twice(self, text: str) -> bool:
        """Whether a text begins with a no that is said twice: "not without water"."""
        return bool(self._twice.match(text.lstrip()))

    def items(self, text: str, start: int, end: int) -> list[Place]:
        """Return where the things stand that a part of a text lists: "dogs, cats or birds"."""
        places = []
        for match in self._joined.finditer(text, start, end):
            if match["together"] is None:
                places.append((start, match.start()))
                start = match.end()
        return [(first, last) for first, last in [*places, (start, end)] if first < last]

    def _before_aside(self, text: str, start: int, stop: int) -> int:
        """Return where a clause ends: at its first comma, unless that is one of a list."""
        comma = text.find(",", start, stop)
        if comma < 0:
            return stop
        is_list = any(match[0].strip() != "," for match in self._joined.finditer(text, comma, stop))
        return stop if is_list else comma
