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
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from retrieval.errors import RetrievalError
from retrieval.store.words import valid_text

__all__ = [
    "DATE",
    "FOLDER",
    "TAG",
    "Facets",
    "find_rows",
    "indexed_metadata",
    "normalize_date",
    "read_facets",
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
_LAST = "~"
"""Sorts behind everything that can follow in a date."""


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
    """Return a date as YYYY, YYYY-MM or YYYY-MM-DD, or None if it is none that starts so.

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


def indexed_metadata(metadata: Mapping[str, str]) -> set[tuple[str, str]]:
    """Return the (key, value) pairs that a picture can be found by."""
    pairs = {(key, value) for key, value in metadata.items() if key not in (DATE, TAG)}
    date = normalize_date(metadata.get(DATE, ""))
    if date:
        pairs.add((DATE, date))
    for column in _TAG_COLUMNS:
        for tag in _SEPARATORS.split(metadata.get(column, "")):
            if tag.strip():
                pairs.add((TAG, _clean_tag(tag)))
    return pairs


def find_rows(database: sqlite3.Connection, filters: Sequence[tuple[str, str]]) -> list[int]:
    """Return the rows of which all (key, value) hold, ascending.

    Raises:
        RetrievalError: a date is none.
    """
    conditions, values = ["1"], list[str]()
    for key, value in filters:
        value = valid_text(value)
        if key == FOLDER:
            folder = value.strip("/")
            if folder:
                # "0" follows "/": every path below the folder lies between the two.
                conditions.append("path > ? AND path < ?")
                values += [f"{folder}/", f"{folder}0"]
        elif key == DATE:
            conditions.append(
                "row IN (SELECT row FROM metadata WHERE key = ? AND value >= ? AND value <= ?)"
            )
            values += [DATE, *_date_range(value)]
        else:
            conditions.append("row IN (SELECT row FROM metadata WHERE key = ? AND value = ?)")
            values += [valid_text(key), _clean_tag(value) if key == TAG else value]
    query = f"SELECT row FROM images WHERE {' AND '.join(conditions)} ORDER BY row"  # noqa: S608 - fixed parts
    return [row for (row,) in database.execute(query, values)]


def read_facets(database: sqlite3.Connection) -> Facets:
    """Return what the pictures of a gallery can be filtered by."""
    folders: Counter[str] = Counter()
    for (path,) in database.execute("SELECT path FROM images ORDER BY row"):
        parts = str(path).split("/")[:-1]
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    years = database.execute(
        "SELECT substr(value, 1, 4), count(*) FROM metadata WHERE key = ?"
        " GROUP BY 1 ORDER BY 2 DESC, 1",
        (DATE,),
    )
    tags = database.execute(
        "SELECT value, count(*) FROM metadata WHERE key = ? GROUP BY 1 ORDER BY 2 DESC, 1", (TAG,)
    )
    return Facets(dict(folders.most_common()), dict(years.fetchall()), dict(tags.fetchall()))


def _date_range(value: str) -> tuple[str, str]:
    """Return the least and the largest text that a date in the range can be."""
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


def _clean_tag(tag: str) -> str:
    return " ".join(tag.lower().split())
