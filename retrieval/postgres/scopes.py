"""Which rows of a version a scope leaves, for what is not asked of the database itself.

The rows that filters leave, and those that hold a phrase, are read once: people go on searching
within what they narrowed down to. Where filters leave very many, only their number is read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from retrieval.postgres.database import Reader
from retrieval.postgres.postings import Postings
from retrieval.postgres.rows import StoredVersion
from retrieval.postgres.statistics import Statistics
from retrieval.postgres.terms import Condition, conditions, fit, phrase_query
from retrieval.store.kept import Kept
from retrieval.store.protocol import Scope
from retrieval.store.vectors import Ids, Mask
from retrieval.store.word_index import forms, within
from retrieval.store.words import exclusion_phrase

__all__ = ["MOST_ROWS", "Left", "Scopes"]

Filters = tuple[tuple[str, str], ...]

MOST_ROWS = 1_000_000
"""Of more that filters leave only the number is read."""
_ROWS_KEPT, _COUNTS_KEPT = 4_000_000, 1_000
"""Rows of all filters, and as many of all phrases, of 8 bytes each."""


@dataclass(frozen=True, eq=False)
class Left:
    """What filters leave.

    Attributes:
        count: how many rows.
        rows: which, ascending; None where they are very many, or all.
    """

    count: int
    rows: Ids | None

    @property
    def size(self) -> int:
        """What it takes to keep it, in rows."""
        return 1 if self.rows is None else max(1, len(self.rows))


class Scopes:
    """The scopes of one version; safe to use from several threads.

    Args:
        reader: of the database.
        version: whose rows they are.
        postings: of the same.
        statistics: of the same.
        most_rows: of more that filters leave only the number is read.
    """

    def __init__(
        self,
        reader: Reader,
        version: StoredVersion,
        postings: Postings,
        statistics: Statistics,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self._reader = reader
        self._version = version
        self._postings = postings
        self._statistics = statistics
        self._most_rows = most_rows
        self._counts: Kept[tuple[Filters, tuple[str, ...]], int] = Kept(_COUNTS_KEPT)
        self._left: Kept[Filters, Left] = Kept(_ROWS_KEPT, lambda one: one.size)
        self._holders: Kept[str, Ids] = Kept(_ROWS_KEPT, lambda one: max(1, len(one)))

    def left(self, filters: Filters) -> Left:
        """Return what filters leave."""
        if not filters:
            return Left(self._version.count, None)
        return self._left.read(filters, lambda: self._read(filters))

    def count(self, filters: Filters, without: tuple[str, ...]) -> int:
        """Return how many rows filters and exclusions leave."""
        if not without:
            return self.left(filters).count
        return self._counts.read((filters, without), lambda: self._count(filters, without))

    def allowed(self, scope: Scope) -> Callable[[Ids], Mask] | None:
        """Return what tells of rows whether a scope has them, as far as is known here."""
        inside = self.left(scope.filters).rows
        barred = np.array(scope.barred, np.int64)
        outside = np.union1d(self._outside(scope.without), barred)

        def may_come(rows: Ids) -> Mask:
            mask = ~within(outside, rows)
            return mask if inside is None else mask & within(inside, rows)

        return may_come if inside is not None or len(outside) else None

    def fitting(self, rows: Ids, filters: Filters) -> Ids:
        """Return those of some rows that filters leave, ascending, by looking at each."""
        inside = conditions(self._version.number, filters)
        more = Condition(f"{inside.text} AND id = ANY(%s::bigint[])", inside.values)
        return self._rows(more, (rows.tolist(),))

    def _count(self, filters: Filters, without: Sequence[str]) -> int:
        left, outside = self.left(filters), self._outside(without)
        if left.rows is not None:
            return left.count - int(within(outside, left.rows).sum())
        return left.count - len(self.fitting(outside, filters) if filters else outside)

    def _read(self, filters: Filters) -> Left:
        count = self._statistics.count_of(filters)
        inside = conditions(self._version.number, filters)
        if count is None or count <= self._most_rows:
            some = self._rows(inside, (), f" LIMIT {self._most_rows + 1}")
            if len(some) <= self._most_rows:
                return Left(len(some), some)
        if count is None:
            statement = f"SELECT count(*) FROM pictures WHERE {inside.text}"  # noqa: S608 - fixed parts
            ((count,),) = self._reader.fetch(statement, inside.values)
        return Left(int(count), None)

    def _outside(self, without: Sequence[str]) -> Ids:
        """Return the rows that hold one of some phrases, ascending."""
        held = [self._holders.read(one, lambda one=one: self._hold(one)) for one in without]  # type: ignore[misc]
        return np.unique(np.concatenate(held)) if held else np.zeros(0, np.int64)

    def _hold(self, phrase: str) -> Ids:
        """Return the rows of which a caption holds a phrase, in any form."""
        words = exclusion_phrase(phrase)
        if len(words) == 1:
            lists = self._postings.of([fit(form) for form in forms(words[0])])
            return np.concatenate([rows for rows, _ in lists])
        query = phrase_query(phrase)
        if query is None:
            return np.zeros(0, np.int64)
        inside = conditions(self._version.number)
        return self._rows(
            Condition(f"{inside.text} AND words @@ %s::tsquery", inside.values), (query,)
        )

    def _rows(self, inside: Condition, values: tuple[Any, ...], limit: str = "") -> Ids:
        """Return the rows for which a condition holds, ascending; as one value, which is quick."""
        ((packed,),) = self._reader.fetch(
            "SELECT string_agg(int8send(id), ''::bytea)"  # noqa: S608 - fixed parts
            f" FROM (SELECT id FROM pictures WHERE {inside.text}{limit}) AS fitting",
            (*inside.values, *values),
        )
        return np.sort(np.frombuffer(packed or b"", ">i8").astype(np.int64))
