"""One version of a gallery in PostgreSQL, as a `Store`.

Nearest neighbours come from the HNSW index where many pictures are left, and by comparing all of
them where few are: an index that walks from neighbour to neighbour finds few that a narrow filter
leaves, and comparing a few thousand takes no longer. Which way is taken follows from how many are
left, never from the planner's guess.

What was read of a version is kept: versions never change. So a turn asks for its candidates, for
the vectors of those that are new here, and for the pictures that it shows.
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embedding.data.remote import RemoteFile, Root
from retrieval.errors import GalleryError, IndexMismatch
from retrieval.postgres.database import Reader
from retrieval.postgres.postings import Postings
from retrieval.postgres.ranking import rank_by_words
from retrieval.postgres.rows import StoredRows, StoredVersion
from retrieval.postgres.scopes import MOST_ROWS, Scopes
from retrieval.postgres.statistics import Statistics
from retrieval.postgres.terms import Condition, barring, conditions, phrase_query
from retrieval.search.query_bank import Nearness
from retrieval.store.filters import Facets
from retrieval.store.kept import Kept
from retrieval.store.order import best_first
from retrieval.store.originals import find_original
from retrieval.store.protocol import EVERYTHING, Picture, Scope, Space, WordHits
from retrieval.store.vectors import Ids, Vectors, check_vectors
from retrieval.store.word_index import telling
from retrieval.store.words import exclusion_phrase

__all__ = ["EXACT_UP_TO", "PostgresStore"]

EXACT_UP_TO = 10_000
"""So many pictures are all compared; more are searched by the index."""
_EVEN_AT = 20_000
"""In a gallery of so many both ways take the same time then."""

_PHRASES_KEPT, _COMPARED_KEPT = 10_000, 64
_COLUMN: dict[Space, str] = {"pictures": "vector", "captions": "caption_vector"}
_SPACES = (*_COLUMN.items(),)

Found = tuple[Ids, Vectors]
"""Rows and their cosines, best first."""


class PostgresStore:
    """A `Store` over one version; see protocol.py.

    Args:
        reader: of the database; not closed with the store.
        version: which one.
        root: where the pictures lie now, if not where they lay when they were indexed.
        exact_up_to: so many pictures are all compared; more in a large gallery.
        most_rows: see `Scopes`.
    """

    def __init__(
        self,
        reader: Reader,
        version: StoredVersion,
        root: Root | None = None,
        *,
        exact_up_to: int = EXACT_UP_TO,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self._reader = reader
        self._version = version
        self._root = root or version.root
        # Half as many left take half the time to compare, and twice the time to find in the index.
        self._exact_up_to = exact_up_to * max(1.0, (version.count / _EVEN_AT) ** 0.5)
        self._statistics = Statistics(reader, version.number)
        self._rows = StoredRows(reader, version)
        self._compared: Kept[tuple[bytes, int, Scope], dict[Space, Found]] = Kept(_COMPARED_KEPT)
        self._postings = Postings(reader, version)
        self._scopes = Scopes(reader, version, self._postings, self._statistics, most_rows)
        self._holds_phrase = functools.lru_cache(maxsize=_PHRASES_KEPT)(self._find_phrase)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._version.dimension

    @property
    def captioned(self) -> int:
        """Number of pictures that have a caption."""
        return self._version.captioned

    @property
    def is_remote(self) -> bool:
        """Whether a search waits for another process; it does."""
        return True

    @property
    def root(self) -> Root:
        """The folder that the pictures' paths start from."""
        return self._root

    @property
    def attribution(self) -> str:
        """Who made the pictures, as they want to be named; may be empty."""
        return self._version.attribution

    def __len__(self) -> int:
        return self._version.count

    def search(
        self, vector: Vectors, k: int, scope: Scope = EVERYTHING, space: Space = "pictures"
    ) -> tuple[Ids, Vectors]:
        """Return the rows and cosines of the `k` nearest to a unit vector, best first, or fewer."""
        if k < 1:
            raise IndexMismatch(f"k is {k}; ask for at least 1")
        vector = check_vectors(vector[np.newaxis], self.dimension)[0]
        left = self._scopes.count(scope.filters, scope.without)
        if left > self._exact_up_to:
            found = self._nearest(vector, k, scope, space)
            least = left - len(scope.barred) - (len(self) - self.captioned) * (space == "captions")
            if len(found[0]) >= min(k, least):
                return found
        # Whoever ranks by looks asks what captions mean at the same time.
        key = (vector.tobytes(), k, scope)
        return self._compared.read(key, lambda: self._compare(vector, k, scope))[space]

    def search_words(self, words: Sequence[str], k: int, scope: Scope = EVERYTHING) -> WordHits:
        """Return the `k` pictures whose captions fit some content words best, or fewer."""
        return rank_by_words(self._version, self._postings, self._scopes, words, k, scope)

    def holds(self, phrase: str) -> bool:
        """Return whether a caption holds a word or phrase, in any form."""
        words = exclusion_phrase(phrase)
        if len(words) == 1:
            return self._statistics.holds(words[0])
        query = phrase_query(phrase)
        return query is not None and self._holds_phrase(query)

    def word_weight(self, word: str) -> float:
        """Return how telling a word is here: BM25's inverse document frequency, never below 0."""
        return telling(self._statistics.holders(word), self.captioned)

    def first(self, k: int, scope: Scope = EVERYTHING) -> Ids:
        """Return the first `k` rows in a scope, ascending."""
        return self._ids("", scope, "ORDER BY id LIMIT %s", (k,))

    def count(self, scope: Scope = EVERYTHING) -> int:
        """Return how many pictures a scope has."""
        left = self._scopes.count(scope.filters, scope.without)
        if not scope.barred:
            return left
        every = Scope(scope.filters, (), scope.without)
        barred = self._ids("AND id = ANY(%s)", every, "", (list(scope.barred),))
        return left - len(barred)

    def rows_of(self, image_ids: Sequence[str]) -> list[int]:
        """Return the rows of those pictures that are in the gallery, in the order of the ids."""
        return self._rows.of(image_ids)

    def pictures(self, rows: Sequence[int] | Ids) -> list[Picture]:
        """Return the pictures of these rows, in their order."""
        return self._rows.pictures(np.asarray(rows, np.int64).tolist())

    def vectors(self, rows: Sequence[int] | Ids, space: Space = "pictures") -> Vectors:
        """Return the vectors (n, dimension) of these rows, in their order."""
        wanted = np.asarray(rows, np.int64).tolist()
        if space == "captions":
            return self._rows.caption_vectors(wanted)
        return self._rows.vectors(wanted)

    @property
    def nearness(self) -> Nearness:
        """How near the pictures are to typical requests."""
        return self._rows

    def sample(self, n: int, scope: Scope = EVERYTHING, turn: int = 0) -> Ids:
        """Return at most `n` rows of a scope, spread evenly, ascending."""
        left = self.count(scope)
        every = max(1, left // n)
        first = turn % every
        if left <= self._exact_up_to:
            return self._ids("", scope, "ORDER BY id")[first::every][:n]
        # The next row from each of n points on: counting through millions would take seconds.
        ((low, high),) = self._reader.fetch("SELECT min(id), max(id) + 1 FROM pictures")
        points = np.linspace(low, high, n, endpoint=False).astype(np.int64) + first
        inside = self._allowed(scope)
        rows = self._reader.fetch(
            "SELECT DISTINCT one.id FROM unnest(%s::bigint[]) AS point, LATERAL ("  # noqa: S608
            f"SELECT id FROM pictures WHERE id >= point AND {inside.text}"
            " ORDER BY id LIMIT 1) AS one ORDER BY one.id",
            (points.tolist(), *inside.values),
        )
        return np.array([row for (row,) in rows], np.int64)

    def vocabulary(self) -> Mapping[str, int]:
        """Return how often the captions hold each word, lower-cased, as it is written there."""
        return self._statistics.vocabulary()

    def facets(self) -> Facets:
        """Return what the pictures can be filtered by: folders, years, tags."""
        return self._statistics.facets()

    def get(self, image_id: str) -> Picture | None:
        """Return a picture, or None if there is none of that id."""
        rows = self.rows_of([image_id])
        return self.pictures(rows)[0] if rows else None

    def file(self, image_id: str) -> Path | RemoteFile:
        """Return a picture's file; see originals.py for which files may be shown."""
        picture = self.get(image_id)
        if picture is None:
            raise GalleryError(f"there is no picture {image_id[:64]!r} in the gallery")
        try:
            return find_original(self._root, picture.path, picture.sha256)
        except (OSError, RuntimeError, ValueError):
            raise GalleryError(
                f"the file of picture {image_id} is gone; index the pictures again"
            ) from None

    def close(self) -> None:
        """Do nothing: the connections belong to all versions."""

    def _condition(self, scope: Scope) -> Condition:
        return conditions(self._version.number, scope.filters, scope.without)

    def _allowed(self, scope: Scope) -> Condition:
        condition, barred = self._condition(scope), barring(scope)
        return Condition(condition.text + barred.text, condition.values + barred.values)

    def _ids(self, more: str, scope: Scope, rest: str, values: tuple[Any, ...] = ()) -> Ids:
        inside = self._allowed(scope)
        rows = self._reader.fetch(
            f"SELECT id FROM pictures WHERE {inside.text} {more} {rest}",  # noqa: S608 - fixed parts
            (*inside.values, *values),
        )
        return np.array([row for (row,) in rows], np.int64)

    def _nearest(self, vector: Vectors, k: int, scope: Scope, space: Space) -> Found:
        """Return what the index finds."""
        column, inside = _COLUMN[space], self._allowed(scope)
        size = f"halfvec({self.dimension})"
        # As the index is declared, word by word; nothing else may settle the order.
        text = f"model = {self._version.model} AND {inside.text} AND {column} IS NOT NULL"
        distance = f"{column}::{size} <#> %s::{size}"
        sought = str(vector.tolist())
        rows = self._reader.fetch(
            f"SELECT id, nearness, {distance} FROM pictures WHERE {text}"  # noqa: S608 - fixed parts
            f" ORDER BY {distance} LIMIT %s",
            (sought, *inside.values, sought, k),
        )
        return self._best(rows)

    def _compare(self, vector: Vectors, k: int, scope: Scope) -> dict[Space, Found]:
        """Compare all that a scope leaves, by looks and by captions: both lie in the same rows."""
        inside = self._allowed(scope)
        size = f"halfvec({self.dimension})"
        distances = [f"{column}::{size} <#> %s::{size} AS {space}" for space, column in _SPACES]
        sought = str(vector.tolist())
        rows = self._reader.fetch(
            f"WITH left_over AS MATERIALIZED (SELECT id, nearness, {', '.join(distances)}"  # noqa: S608
            f" FROM pictures WHERE {inside.text}) "
            + " UNION ALL ".join(
                f"(SELECT id, nearness, {space}, '{space}' FROM left_over"  # noqa: S608 - fixed parts
                f" WHERE {space} IS NOT NULL ORDER BY {space} LIMIT %s)"
                for space, _ in _SPACES
            ),
            (sought, sought, *inside.values, k, k),
        )
        return {space: self._best([row for row in rows if row[3] == space]) for space, _ in _SPACES}

    def _best(self, rows: Sequence[tuple[Any, ...]]) -> Found:
        """Return ids and cosines of rows that begin with id, nearness and distance."""
        self._rows.keep_nearness({row: nearness for row, nearness, *_ in rows})
        ids = np.array([row for row, *_ in rows], np.int64)
        cosines = -np.array([row[2] for row in rows], np.float32)
        order = best_first(cosines, ids)
        return ids[order], cosines[order]

    def _find_phrase(self, query: str) -> bool:
        condition = self._condition(EVERYTHING)
        ((found,),) = self._reader.fetch(
            f"SELECT EXISTS (SELECT FROM pictures WHERE {condition.text}"  # noqa: S608 - fixed parts
            " AND words @@ %s::tsquery)",
            (*condition.values, query),
        )
        return bool(found)
