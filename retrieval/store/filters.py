"""Filters: conditions on a picture's folder, date, tags and other metadata.

| key | value | holds for |
|---|---|---|
| folder | "holiday", "holiday/rome" | pictures in that folder or below |
| date | "2023", "2023-06", "2023-06-14" | pictures of that year, month or day |
| date | "2022..2023-05", "2022..", "..2021" | from and until, both included |
| tag | "sunset" | pictures that have that tag, in any case |
| any other | exactly the value | metadata |

A picture's date is its metadata `date` or, without one, when the camera took it; its tags are its
metadata `tags` or `tag`, separated by commas, semicolons or bars.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from retrieval.errors import GalleryError, RetrievalError
from retrieval.store.arrays import Array, Terms, load_arrays, save_arrays
from retrieval.store.words import valid_text

__all__ = [
    "DATE",
    "FOLDER",
    "TAG",
    "Facets",
    "FilterIndex",
    "check_filter",
    "clean_tag",
    "date_range",
    "indexed_metadata",
    "normalize_date",
    "write_filters",
]

FOLDER, DATE, TAG = "folder", "date", "tag"
"""The filter keys with a meaning of their own; any other means metadata."""

_DATE = re.compile(
    r"\s*(?P<year>\d{4})(?:[-/.:](?P<month>0?[1-9]|1[0-2])(?:[-/.:](?P<day>\d{1,2}))?)?"
    r"(?:[T ]\d{1,2}:\d{2}.*)?\s*",
    re.DOTALL,
)
_TAG_COLUMNS = ("tags", "tag")
_SEPARATORS = re.compile(r"[,;|]")
_LAST = "\U0010ffff"
"""Sorts behind everything that can follow."""
_ARRAYS = ("text", "ends", "firsts", "rows")


@dataclass(frozen=True)
class Facets:
    """What a gallery can be filtered by: each name and how many pictures it has, most first.

    Attributes:
        folders: every folder below the root, those above others included, without a slash at
            either end.
        years: of the pictures' dates.
        tags: lower-cased.
    """

    folders: Mapping[str, int] = field(default_factory=dict)
    years: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, int] = field(default_factory=dict)


def normalize_date(text: str) -> str | None:
    """Return a date as YYYY, YYYY-MM or YYYY-MM-DD, or None if the text begins otherwise.

    The parts may be separated by ``-``, ``/``, ``.`` or, as cameras write them, ``:``; a time of
    day behind them is dropped.
    """
    match = _DATE.fullmatch(text)
    if not match or match["year"] == "0000":
        return None
    parts = [match["year"]]
    if match["month"]:
        parts.append(f"{int(match['month']):02}")
    if match["day"]:
        if not 1 <= int(match["day"]) <= 31:
            return None
        parts.append(f"{int(match['day']):02}")
    return "-".join(parts)


def check_filter(key: str, value: str) -> None:
    """Refuse a value that no gallery can be searched with, before anything is encoded.

    Raises:
        RetrievalError: the value of a date is not a date.
    """
    if key == DATE:
        date_range(value)


def indexed_metadata(metadata: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return the (key, value) pairs that a picture can be found by."""
    pairs = {(key, value) for key, value in metadata.items() if key not in (FOLDER, DATE, TAG)}
    date = normalize_date(metadata.get(DATE, ""))
    if date:
        pairs.add((DATE, date))
    for column in _TAG_COLUMNS:
        for tag in _SEPARATORS.split(metadata.get(column, "")):
            if tag.strip():
                pairs.add((TAG, clean_tag(tag)))
    return pairs


class FilterIndex:
    """Which rows a filter leaves, from what `write_filters` wrote; safe from several threads.

    Every condition that holds for a picture is a term: its key, a zero, its value. Sorted, the
    terms of one folder and of all below it follow each other, and so do the dates of a range; so
    a filter is one stretch of the list of rows, however many pictures it holds for.
    """

    def __init__(self, directory: Path) -> None:
        text, ends, self._firsts, self._rows = load_arrays(directory, *_ARRAYS)
        self._terms = Terms(text, ends)
        if len(self._firsts) != len(self._terms) + 1 or self._firsts[-1] != len(self._rows):
            raise GalleryError("the filters contradict themselves; index the pictures again")

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Open an index.

        Raises:
            GalleryError: a file is missing or damaged.
        """
        return cls(directory)

    def rows(self, key: str, value: str) -> Array:
        """Return the rows for which a filter holds, in no order, each once.

        Raises:
            RetrievalError: the value of a date is not a date.
        """
        terms = self._matching(key, valid_text(value))
        return self._rows[int(self._firsts[terms.start]) : int(self._firsts[terms.stop])]

    def facets(self) -> Facets:
        """Return what the pictures can be filtered by."""
        folders: Counter[str] = Counter()
        for folder, count in self._counts(FOLDER):
            parts = folder.split("/")[:-1]
            for depth in range(1, len(parts) + 1):
                folders["/".join(parts[:depth])] += count
        years: Counter[str] = Counter()
        for date, count in self._counts(DATE):
            years[date[:4]] += count
        tags = Counter(dict(self._counts(TAG)))
        return Facets(*(dict(names.most_common()) for names in (folders, years, tags)))

    def _matching(self, key: str, value: str) -> range:
        """Return the places of the terms that a filter stands for."""
        if key == FOLDER:
            folder = value.strip("/")
            # "0" follows "/": every folder below lies between the two.
            low, high = (f"{folder}/", f"{folder}0") if folder else ("", _LAST)
        elif key == DATE:
            low, high = date_range(value)
        else:
            low = clean_tag(value) if key == TAG else value
            high = low + "\0"  # the first text behind it
        return self._terms.between(_term(key, low), _term(key, high))

    def _counts(self, key: str) -> Iterator[tuple[str, int]]:
        """Yield each value of a key with the number of its rows, in the order of the values."""
        places = self._terms.between(_term(key, ""), _term(key, _LAST))
        start = len(_term(key, ""))
        for place in places:
            yield (
                self._terms[place][start:],
                int(self._firsts[place + 1]) - int(self._firsts[place]),
            )


def write_filters(directory: Path, pictures: Iterable[tuple[str, Mapping[str, str]]]) -> None:
    """Write the index of a gallery's (path, metadata), in the order of the rows."""
    holders: dict[str, array[int]] = {}
    for row, (path, metadata) in enumerate(pictures):
        folder = path[: path.rfind("/") + 1]
        for key, value in {(FOLDER, folder), *indexed_metadata(metadata)}:
            holders.setdefault(_term(key, value), array("i")).append(row)
    terms = sorted(holders)
    text, ends = Terms.pack(terms)
    lists = [np.frombuffer(holders[term], np.int32) for term in terms]
    firsts = np.cumsum([0, *(len(rows) for rows in lists)], dtype=np.int64)
    rows = np.concatenate([np.zeros(0, np.int32), *lists])
    save_arrays(directory, text=text, ends=ends, firsts=firsts, rows=rows)


def _term(key: str, value: str) -> str:
    return f"{valid_text(key).replace(chr(0), ' ')}\0{value}"


def date_range(value: str) -> tuple[str, str]:
    """Return the least text that a date in the range can be, and one behind the largest.

    Raises:
        RetrievalError: the value is not a date or a range of dates.
    """
    start, dots, end = value.partition("..")
    if not dots:
        end = start
    first, last = normalize_date(start), normalize_date(end)
    if (start.strip() and not first) or (end.strip() and not last) or not (first or last):
        raise RetrievalError(
            f"the date {value[:40]!r} is not understood; write 2023, 2023-06, 2023-06-14 or a "
            "range such as 2022..2023-05"
        )
    return first or "", (last or "") + _LAST


def clean_tag(tag: str) -> str:
    """Return a tag as it is compared: lower-cased, with single spaces."""
    return " ".join(tag.lower().split())
