"""Which captions hold which words: an inverted index, ranked by BM25.

Every word of every caption has a place, counted through the whole gallery; between two captions
lies a gap, so that no phrase reaches from one into the next. For each regular stem the index keeps
the rows that hold it, how much it adds to the BM25 score of each (all captions of a picture are one
document), and all its places. A ranking adds a few such lists up and cuts at the end, after the
filter; a phrase is where the places of its words follow each other.
"""

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from retrieval.errors import GalleryError
from retrieval.store.arrays import Array, Terms, load_arrays, save_arrays
from retrieval.store.order import NOISE, best_first
from retrieval.store.protocol import WordHits
from retrieval.store.vectors import Ids, Mask
from retrieval.store.words import exclusion_phrase, irregular_forms, regular_stem, tokens

__all__ = [
    "MOST_WORDS",
    "WordIndex",
    "best_by_words",
    "forms",
    "impact",
    "rarity",
    "telling",
    "within",
    "write_words",
]

# Scores that follow each other by less than the noise are one group, in the order of their rows
# (order.py): so what is left out lies further behind than such a chain reaches.
_NEAR = 1_000 * NOISE

# Robertson and Zaragoza (2009), with the usual values.
K1 = 1.2
B = 0.75
_LEAST_WEIGHT = 1e-6
"""Of a word that more than half of the captions hold: it must not count against them."""

MOST_WORDS = 64
"""A request of more words than this is searched by its first ones: far beyond any sentence."""

_ARRAYS = ("text", "ends", "firsts", "rows", "impacts", "place_firsts", "places", "row_places")
_SPELLINGS = ("spellings", "spelling_ends", "spelling_counts")


class WordIndex:
    """What `write_words` wrote, read-only and safe to use from several threads.

    Attributes:
        captioned: number of rows that have a caption.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        text, ends, *lists, places, row_places = load_arrays(directory, *_ARRAYS)
        self._terms = Terms(text, ends)
        self._firsts, self._rows, self._impacts, self._place_firsts = lists
        self._places: Array = places
        self._row_places: Array = row_places
        whole = len(self._terms) + 1
        if (
            not len(self._firsts) == len(self._place_firsts) == whole
            or not self._firsts[-1] == len(self._rows) == len(self._impacts)
            or self._place_firsts[-1] != len(places)
        ):
            raise GalleryError("the word index contradicts itself; index the pictures again")
        self._size = len(row_places) - 1
        self.captioned = int(np.count_nonzero(np.diff(row_places)))

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open an index.

        Raises:
            GalleryError: a file is missing or damaged.
        """
        return cls(directory)

    def __len__(self) -> int:
        return self._size

    def search(self, words: Sequence[str], k: int, mask: Mask | None = None) -> WordHits:
        """Return the `k` rows whose captions fit some content words best, or fewer.

        Args:
            words: lower-cased, each once.
            k: how many at most.
            mask: (rows,) which rows may come; None means all.
        """
        words = words[:MOST_WORDS]
        holders = [self._holders(regular_stem(word)) for word in words]
        return best_by_words(holders, self._size, k, None if mask is None else mask.__getitem__)

    def weight(self, word: str) -> float:
        """Return how telling a word is: its inverse document frequency, never below 0."""
        return telling(len(self._holders(regular_stem(word))[0]), self.captioned)

    def holds(self, phrase: str) -> bool:
        """Return whether a caption holds a phrase, stemmed; of a word, without reading its rows."""
        words = exclusion_phrase(phrase)[:MOST_WORDS]
        if len(words) == 1:
            return any(self._terms.find(form) is not None for form in forms(words[0]))
        return len(self.rows_with(phrase)) > 0

    def rows_with(self, phrase: str) -> Ids:
        """Return the rows of which a caption holds a phrase, stemmed; ascending."""
        words = exclusion_phrase(phrase)[:MOST_WORDS]
        if len(words) == 1:
            holders = [self._holders(form)[0] for form in forms(words[0])]
            rows = np.unique(np.concatenate(holders)) if len(holders) > 1 else holders[0]
            return rows.astype(np.int64)
        places = sorted((self._places_of(word) - i for i, word in enumerate(words)), key=len)
        if not places:
            return np.zeros(0, np.int64)
        starts = places[0]
        for others in places[1:]:
            starts = starts[within(others, starts)]
        return np.unique(np.searchsorted(self._row_places, starts, side="right") - 1)

    def vocabulary(self) -> dict[str, int]:
        """Return how often the captions hold each word, lower-cased, as it is written there.

        Raises:
            GalleryError: its file is missing or damaged.
        """
        text, ends, counts = load_arrays(self._directory, *_SPELLINGS)
        words = Terms(text, ends)
        return {words[place]: int(count) for place, count in enumerate(counts)}

    def _holders(self, stem: str) -> tuple[Array, Array]:
        """Return the rows that hold a stem, ascending, and its BM25 in each without its weight."""
        term = self._terms.find(stem)
        if term is None:
            return self._rows[:0], self._impacts[:0]
        own = slice(int(self._firsts[term]), int(self._firsts[term + 1]))
        return self._rows[own], self._impacts[own]

    def _places_of(self, word: str) -> Array:
        """Return the places of a word in any of its forms, ascending."""
        lists = [self._places[:0]]
        for form in forms(word):
            term = self._terms.find(form)
            if term is not None:
                first, last = self._place_firsts[term : term + 2]
                lists.append(self._places[first:last])
        return np.sort(np.concatenate(lists)) if len(lists) > 2 else lists[-1]


def best_by_words(
    holders: Sequence[tuple[Array, Array]],
    size: int,
    k: int,
    allowed: Callable[[Array], Mask] | None = None,
) -> WordHits:
    """Return the `k` rows that hold some words best, or fewer, best first.

    Args:
        holders: of each word, the rows that hold it, ascending, and its impact in each.
        size: of the gallery.
        k: how many at most.
        allowed: tells of rows which may come; None means all.
    """
    rows, scores = _most([one for one in holders if len(one[0])], size, k, allowed)
    best = best_first(scores, rows)[:k]
    rows = rows[best]
    holds = np.zeros((len(rows), len(holders)), np.bool_)
    for place, (own, _) in enumerate(holders):
        holds[:, place] = within(own, rows)
    return WordHits(rows, scores[best].astype(np.float32), holds)


def _most(
    holders: Sequence[tuple[Array, Array]],
    size: int,
    k: int,
    allowed: Callable[[Array], Mask] | None,
) -> tuple[Ids, npt.NDArray[np.float64]]:
    """Return rows and scores among which the `k` best are; `holders` are never empty.

    MaxScore (Turtle and Flood, 1995): words that can add most are added up first. Once `k` rows
    have more than those left can add together, no row that holds only those is among the best, and
    they are looked up in the rows that are there: the commonest cost as little as the rarest.
    """
    weighed = [(own, impacts, rarity(len(own), size)) for own, impacts in holders]
    most = [float(impacts.max()) * weight for _, impacts, weight in weighed]
    rows, scores = np.zeros(0, np.int64), np.zeros(0, np.float64)
    left, is_complete = sum(most), False
    for place in np.argsort(most, kind="stable")[::-1].tolist():
        own, impacts, weight = weighed[place]
        if is_complete or (len(rows) >= k and _largest(scores, k) > left + _NEAR):
            is_complete = True
            hopeful = scores >= _largest(scores, k) - left - _NEAR
            rows, scores = rows[hopeful], scores[hopeful]
            found, holds = _places(own, rows)
            scores[holds] += impacts[found[holds]] * weight
        else:
            if allowed is not None:
                may_come = allowed(own)
                own, impacts = own[may_come], impacts[may_come]
            found, holds = _places(rows, own)
            scores[found[holds]] += impacts[holds] * weight
            rows = np.concatenate([rows, own[~holds]])
            scores = np.concatenate([scores, impacts[~holds] * weight])
            order = np.argsort(rows, kind="stable")
            rows, scores = rows[order], scores[order]
        left -= most[place]
    if len(rows) > k:
        near = scores >= _largest(scores, k) - _NEAR
        rows, scores = rows[near], scores[near]
    return rows, scores


def impact(frequency: Array, length: Array, mean_length: float) -> npt.NDArray[np.float32]:
    """Return what a word adds to BM25 without its weight, (n,).

    Args:
        frequency: (n,) how often the captions of a picture hold it.
        length: (n,) of all those captions, in words.
        mean_length: of the gallery's pictures.
    """
    shortness = K1 * (1 - B + B * length / mean_length)
    return np.asarray(frequency * (K1 + 1) / (frequency + shortness), np.float32)


def rarity(holders: int, rows: int) -> float:
    """Return BM25's weight of a word that so many rows hold, of so many."""
    return max(_LEAST_WEIGHT, math.log((rows - holders + 0.5) / (holders + 0.5)))


def telling(holders: int, captioned: int) -> float:
    """Return how telling a word is that so many rows hold, of those with captions; at least 0."""
    return max(0.0, math.log((captioned - holders + 0.5) / (holders + 0.5)))


def forms(word: str) -> tuple[str, ...]:
    """Return the stems under which the index keeps a word in any of its forms."""
    return (regular_stem(word), *irregular_forms(word))


def write_words(directory: Path, captions: Iterable[Sequence[str]]) -> None:
    """Write the index of a gallery's captions, a row's after the other's."""
    numbers: dict[str, int] = {}
    words, places, row_places = array("i"), array("q"), array("q", [0])
    spelled: Counter[str] = Counter()
    place = 0
    for texts in captions:
        for text in texts:
            said = tokens(text)
            spelled.update(said)
            found = [numbers.setdefault(stem, len(numbers)) for stem in map(regular_stem, said)]
            words.extend(found)
            places.extend(range(place, place + len(found)))
            place += len(found) + 1  # the gap
        row_places.append(place)
    names = sorted(numbers)
    packed, ends = Terms.pack(names)
    rank = np.empty(len(names), np.int32)
    rank[[numbers[name] for name in names]] = np.arange(len(names))
    arrays = _invert(
        rank[np.frombuffer(words, np.int32)],
        np.frombuffer(places, np.int64),
        np.frombuffer(row_places, np.int64),
        len(names),
    )
    save_arrays(directory, text=packed, ends=ends, **arrays)
    spellings = sorted(spelled)
    counts = np.array([spelled[word] for word in spellings], np.int64)
    arrays_of_words = (*Terms.pack(spellings), counts)
    save_arrays(directory, **dict(zip(_SPELLINGS, arrays_of_words, strict=True)))


def _invert(terms: Array, places: Array, row_places: Array, count: int) -> dict[str, Array]:
    """Return the arrays of the index, from the term of each place, the places ascending."""
    size = len(row_places) - 1
    rows = np.searchsorted(row_places, places, side="right") - 1
    lengths = np.bincount(rows, minlength=size)
    mean_length = max(len(places) / max(size, 1), 1e-9)
    order = np.argsort(terms, kind="stable")  # by term, and within a term by place
    terms, places, rows = terms[order], places[order], rows[order]
    # A run of one term in one row is one entry; how long it is, is the term's frequency there.
    new = np.ones(len(terms), np.bool_)
    new[1:] = (np.diff(terms) != 0) | (np.diff(rows) != 0)
    first = np.flatnonzero(new)
    frequency = np.diff(np.append(first, len(terms)))
    own_rows, own_terms = rows[first], terms[first]
    return {
        "firsts": np.searchsorted(own_terms, np.arange(count + 1)),
        "rows": own_rows.astype(np.int32),
        "impacts": impact(frequency, lengths[own_rows], mean_length),
        "place_firsts": np.searchsorted(terms, np.arange(count + 1)),
        "places": places.astype(np.int32) if row_places[-1] < 2**31 else places,
        "row_places": row_places,
    }


def _largest(values: npt.NDArray[np.float64], k: int) -> float:
    """Return the `k`-th largest of at least `k` values."""
    return float(np.partition(values, len(values) - k)[len(values) - k])


def within(ascending: Array, values: Array) -> Mask:
    """Return for each value whether it is in an ascending array."""
    return _places(ascending, values)[1]


def _places(ascending: Array, values: Array) -> tuple[Ids, Mask]:
    """Return for each value its place in an ascending array, and whether it is there."""
    if not len(ascending):
        return np.zeros(len(values), np.int64), np.zeros(len(values), np.bool_)
    values = values.astype(ascending.dtype)  # else the longer one would be copied
    places = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return places, np.asarray(ascending[places] == values)
