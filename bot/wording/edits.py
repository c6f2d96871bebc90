"""Changing a text that is searched for: a word in the place of another, a part taken out.

All of it works on words with their places, so that what is left reads as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from typing import NamedTuple

from bot.wording.articles import INDEFINITE, smoothed
from bot.wording.classes import Classes
from bot.wording.text import Word, split_words
from retrieval.store.words import FUNCTION_WORDS, stem

__all__ = ["Editor", "names", "same_thing"]

_SHORTEST_STEM = 4
# What makes another form of a word, in English and German; a consonant may stand twice before it.
_ENDING = re.compile(r"[b-z]?(?:[eo]r|ing|ed|y|ie|ist|es?|s|e?n|ren|in|innen|chen|lein)")
# Whoever names more things than this says it all anew.
_ALL_SAID = 2


class _Pair(NamedTuple):
    """A word of a text (`at`) and the word of a value that can take its place (`by`)."""

    at: int
    by: int


def same_thing(one: str, other: str) -> bool:
    """Whether two words are forms of one: "surfing" and "surfer", "man" and "men".

    "Snow" and "snowboarder" are two things.
    """
    first, second = sorted((stem(one), stem(other)), key=len)
    if first == second:
        return True
    ending = second.removeprefix(first)
    return len(first) >= _SHORTEST_STEM and ending != second and bool(_ENDING.fullmatch(ending))


def names(text: str, function_words: Set[str] = FUNCTION_WORDS) -> list[str]:
    """Return the words of a text that name something, lower-cased, in their order."""
    return [word.text for word in split_words(text) if word.text not in function_words]


class Editor:
    """Changes texts of one language.

    Args:
        classes: which words can stand in the place of each other, and which hold a phrase together.
    """

    def __init__(self, classes: Classes) -> None:
        self.classes = classes

    def names(self, text: str) -> list[str]:
        """Return the words of a text that name something in this language."""
        return names(text, self.classes.function_words)

    def replace_same_class(
        self, text: str, value: str, *, only_exclusive: bool = False
    ) -> str | None:
        """Return a text with a value in the place of what is of the same class; None if nothing is.

        "a man on a bike" and "a woman" give "a woman on a bike"; "a red car" and "blue" "a blue
        car". A value that leaves nothing of the text, or says more than two things, is all of it.

        Args:
            text: what is searched for.
            value: what was said.
            only_exclusive: look only at classes of which a thing has one value.
        """
        words, new = split_words(text), self._meant(split_words(value))
        pairs = self._pairs(words, new, only_exclusive=only_exclusive)
        if self.is_fragment(value):  # "with his mother" is no other boy
            pairs = [pair for pair in pairs if not self._is_subject(words, pair.at)]
        if not pairs:
            return None
        said = [word.text for word in new if self._names(word) or self.classes.of(word.text)]
        stems, here = set(map(stem, said)), {stem(word.text) for word in words}
        replaced = {pair.at for pair in pairs}
        left = [word for at, word in enumerate(words) if self._names(word) and at not in replaced]
        if len(said) > _ALL_SAID or all(stem(word.text) in stems for word in left):
            return self._spelled(value, new)
        paired = {new[pair.by].text for pair in pairs}
        is_all_there = all(word in paired or stem(word) in here for word in said)
        placed = self._begins_a_phrase(new[0].text) and not (
            self.is_attribute(value)  # "in yellow" is one word of "a green canoe"
            and not any(
                pair.at and words[pair.at - 1].text in self.classes.placing for pair in pairs
            )
        )
        if is_all_there and not placed:
            for pair in sorted(pairs, reverse=True):
                text = self._put(text, words, pair.at, new[pair.by].text)
            return text
        if only_exclusive and not is_all_there:
            return None
        return self._put_phrase(text, words, pairs[0].at, value, new)

    def replace_phrase(self, text: str, value: str) -> str | None:
        """Return a text with a value in the place of the phrase that begins with the same word.

        "a dog on grass" and "on a sofa" give "a dog on a sofa"; None if there is no such phrase.
        """
        words, new = split_words(text), split_words(value)
        if len(new) < 2 or new[0].text not in self.classes.placing:
            return None
        starts = [i for i, word in enumerate(words) if word.text == new[0].text]
        if not starts or not starts[-1]:
            return None
        return self._smooth(text[: words[starts[-1]].start] + value)

    def replace_form(self, text: str, value: str) -> str | None:
        """Return a text with a value in the place of the same thing in another form.

        "a kid in a red jacket" and "two kids" give "two kids in a red jacket"; None if the thing is
        not there, or nothing else is said of it.
        """
        words, new = split_words(text), split_words(value)
        if len(new) < 2 or self.is_fragment(value):
            return None
        at = next((i for i, word in enumerate(words) if same_thing(word.text, new[-1].text)), None)
        return None if at is None else self._put_phrase(text, words, at, value, new)

    def replace_part(self, text: str, value: str) -> str | None:
        """Return a text with a value in the place of whom or what it is about, or of what is there.

        "a man riding a horse" and "a bike" give "a man riding a bike". None where the text is of
        one part, or the value of several.
        """
        words, new = split_words(text), split_words(value)
        if len(self.names(value)) != 1 or self.is_fragment(value):
            return None
        ends = [at for at, word in enumerate(words) if self._names(word) and self._ends(words, at)]
        if len(ends) < 2:
            return None
        is_subject = self.classes.of(self.names(value)[0]) in self.classes.subjects
        return self._put_phrase(text, words, ends[0] if is_subject else ends[-1], value, new)

    def is_fragment(self, text: str) -> bool:
        """Whether a text begins as what is said of a thing does: "on a beach"."""
        words = split_words(text)
        return bool(words) and words[0].text in self.classes.placing

    def tells_more(self, text: str) -> bool:
        """Whether a text says of a thing what it does: "leaning on a wall", "reading a book"."""
        words = [word.text for word in split_words(text)]
        holding = self.classes.placing | self.classes.articles
        return len(words) > 1 and words[0].endswith("ing") and words[1] in holding

    def stands_for_a_thing(self, text: str) -> bool:
        """Whether a text ends with a word for a thing that was named before: "a sad one"."""
        words = split_words(text)
        return len(words) > 1 and words[-1].text in self.classes.standing

    def is_attribute(self, text: str) -> bool:
        """Whether a text names no thing, but only what one is like: "a sleeping one", "red"."""
        return self.classes.is_attribute(text)

    def replace_in(self, text: str, old: str, new: str) -> str | None:
        """Return a text with `new` in the place of the words of `old`; None if it lacks them."""
        words, gone, fresh = split_words(text), self.names(old), split_words(new)
        at = [i for i, word in enumerate(words) if any(same_thing(word.text, one) for one in gone)]
        if not at:
            return None
        first = at[0]
        opens = not fresh or fresh[0].text in self.classes.articles | self.classes.placing
        if first and words[first - 1].text in self.classes.articles and opens:
            first -= 1
            placed = bool(fresh) and fresh[0].text in self.classes.placing
            if placed and first and words[first - 1].text in self.classes.placing:
                first -= 1
        elif fresh and fresh[0].text in self.classes.articles:
            new = new[fresh[0].end :].lstrip()
        return self._smooth(text[: words[first].start] + new + text[words[at[-1]].end :])

    def take_out(self, text: str, gone: str) -> str | None:
        """Return a text without what `gone` names and what leads to it; None if it names no such.

        "a dog on grass" without "the grass" is "a dog"; where nothing is left, that is "".
        """
        words, lost = split_words(text), self.names(gone)
        kinds = {kind for kind in map(self.classes.named, lost) if kind}
        if kinds:  # "the colour doesn't matter"
            lost = [one.text for one in words if self.classes.of(one.text) in kinds]
        inside = [any(same_thing(word.text, one) for one in lost) for word in words]
        if not lost or sum(inside) < len(lost):
            return None
        kept = [not is_gone for is_gone in inside]
        for at, is_gone in enumerate(inside):
            if is_gone and self._is_noun(words, inside, at):
                self._take_out_what_leads_to(words, kept, at)
        left = [word for word, keep in zip(words, kept, strict=True) if keep]
        holding = self.classes.joining | self.classes.placing
        while left and left[0].text in holding:
            left.pop(0)
        while left and left[-1].text in holding | self.classes.articles:
            left.pop()
        if not any(map(self._names, left)):
            return ""
        return self._smooth(" ".join(text[word.start : word.end] for word in left))

    def positive(self, text: str) -> str:
        """Return what is wanted by "a smaller one": "small"; any other text as it is."""
        said = split_words(text)
        words = self._meant(said)
        if len(words) < len(said):
            words = [word for word in words if word.text not in self.classes.articles]
        elif all(self.classes.positive(word.text) == word.text for word in said):
            return text
        return " ".join(word.text for word in words) or text

    def _take_out_what_leads_to(self, words: Sequence[Word], kept: list[bool], at: int) -> None:
        """Take out a noun's adjectives, its article and its placing words: "in a red" hat."""
        first = self._start_of_phrase(words, at, placed=True)
        kept[first:at] = [False] * (at - first)

    def _meant(self, words: Sequence[Word]) -> list[Word]:
        """Return words with comparatives made positive, without a "one" that stands for a thing.

        "only one person" has a number, "a smaller one" has none; "even smaller" is small.
        """
        meant = [word._replace(text=self.classes.positive(word.text)) for word in words]
        compared = next((at for at, word in enumerate(words) if word.text != meant[at].text), 0)
        before = {word.text for word in words[:compared]}
        if (
            before - self.classes.articles
            and before <= self.classes.articles | self.classes.degrees
        ):
            del meant[:compared]
        while len(meant) > 1 and meant[-1].text in self.classes.standing:
            if not (self._names(meant[-2]) or meant[-2].text in self.classes.articles):
                break
            meant.pop()
        return meant

    def _pairs(
        self, words: Sequence[Word], new: Sequence[Word], *, only_exclusive: bool
    ) -> list[_Pair]:
        kinds = [self.classes.of(word.text) for word in words]
        pairs: list[_Pair] = []
        for by, fresh in enumerate(new):
            kind = self.classes.of(fresh.text)
            if kind is None or (only_exclusive and not self.classes.is_exclusive(kind)):
                continue
            taken = {pair.at for pair in pairs}
            same = [at for at, other in enumerate(kinds) if other == kind and at not in taken]
            is_there = any(stem(words[at].text) == stem(fresh.text) for at in same)
            if same and not is_there:
                pairs.append(_Pair(same[0], by))
        return pairs

    def _is_subject(self, words: Sequence[Word], at: int) -> bool:
        """Whether a word is whom a text is about: "a boy" of "a boy with a dog"."""
        first = self._start_of_phrase(words, at, placed=True)
        is_placed = words[first].text in self.classes.placing
        return not is_placed and self.classes.of(words[at].text) in self.classes.subjects

    def _begins_a_phrase(self, word: str) -> bool:
        """Whether a value that begins with a word stands as a whole; German articles decline."""
        declines = not self.classes.articles >= INDEFINITE
        return word in self.classes.placing or (declines and word in self.classes.articles)

    def _put(self, text: str, words: Sequence[Word], at: int, value: str) -> str:
        """Put one word in the place of another, and of those of its class joined to it."""
        last, kind = at, self.classes.of(words[at].text)
        while last + 2 < len(words) and words[last + 1].text in self.classes.joining:
            if self.classes.of(words[last + 2].text) != kind:
                break
            last += 2
        return self._smooth(text[: words[at].start] + value + text[words[last].end :])

    def _put_phrase(
        self, text: str, words: Sequence[Word], at: int, value: str, new: Sequence[Word]
    ) -> str:
        """Put a whole value in the place of a word with what leads to it."""
        placed = new[0].text in self.classes.placing
        first = self._start_of_phrase(words, at, placed=placed)
        return self._smooth(text[: words[first].start] + value + text[words[at].end :])

    def _start_of_phrase(self, words: Sequence[Word], noun: int, *, placed: bool) -> int:
        """Return where a noun's phrase begins, with its placing words or behind them."""
        first = noun
        while first and self._is_of_the_noun(words, first - 1):
            first -= 1
            if words[first].text in self.classes.articles:
                break
        before = words[first - 1].text if first else ""
        if before.isdecimal() or self.classes.of(before) == "number":
            first -= 1
        while placed and first and words[first - 1].text in self.classes.placing:
            first -= 1
        return first

    def _is_noun(self, words: Sequence[Word], inside: Sequence[bool], at: int) -> bool:
        """Whether a word stands for a thing, not for what the next word is like."""
        if at + 1 >= len(words) or inside[at + 1]:
            return True
        following = words[at + 1]
        is_verb = self.classes.of(following.text) == "motion" or following.text.endswith("ing")
        return is_verb or not self._names(following) or following.text in self.classes.placing

    def _ends(self, words: Sequence[Word], at: int) -> bool:
        """Whether a word is a noun with nothing but other things behind it."""
        is_verb = self.classes.of(words[at].text) == "motion" or words[at].text.endswith("ing")
        return not is_verb and self._is_noun(words, [False] * len(words), at)

    def _is_of_the_noun(self, words: Sequence[Word], at: int) -> bool:
        """Whether a word is an article, or stands between one and a noun."""
        while at >= 0 and self._names(words[at]) and words[at].text not in self.classes.placing:
            at -= 1
            if at >= 0 and words[at].text in self.classes.articles | self.classes.placing:
                return True
        return at >= 0 and words[at].text in self.classes.articles

    def _spelled(self, value: str, new: Sequence[Word]) -> str:
        """Return a value as it was said, with the words that are meant."""
        for word in reversed(new):
            if value[word.start : word.end].lower() != word.text:
                value = value[: word.start] + word.text + value[word.end :]
        return self._smooth(value)

    def _smooth(self, text: str) -> str:
        """Return a text in single blanks, whose "a" and "an" go with what follows."""
        return smoothed(text) if self.classes.articles >= INDEFINITE else " ".join(text.split())

    def _names(self, word: Word) -> bool:
        return word.text not in self.classes.function_words
