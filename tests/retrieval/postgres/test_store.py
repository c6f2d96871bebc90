"""What is PostgreSQL's own in a store: its index, its statements, and how few of them there are."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from retrieval.postgres.database import Database
from retrieval.postgres.store import PostgresStore
from retrieval.postgres.writer import Written
from retrieval.search.query import Query
from retrieval.search.searcher import Searcher
from retrieval.store.protocol import EVERYTHING, Scope
from tests.fixtures.postgres import new_gallery
from tests.retrieval.engines import Pictures, write_next
from tests.retrieval.stubs import DIMENSION, StubEncoder, picture, unit

SIZE = 3_000
ENCODER = StubEncoder()
VECTORS = unit(np.random.default_rng(0).normal(size=(SIZE, DIMENSION)))
PICTURES = [
    picture(
        row,
        (f"a dog and thing{row % 50}",) if row % 10 else (),
        date=f"20{row % 20:02}",
        hundredth=str(row % 100 == 0),
        tenth=str(row % 10 == 1),
        half=str(row % 2 == 0),
    )
    for row in range(SIZE)
]


class CountedReader:
    """Remembers the statements that it passes on."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.statements: list[str] = []

    def fetch(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.statements.append(statement)
        return self._database.fetch(statement, values)


@pytest.fixture(scope="module")
def database(postgres: Any) -> Iterator[Database]:
    database = Database(new_gallery(postgres))
    database.migrate()
    yield database
    database.close()


@pytest.fixture(scope="module")
def written(database: Database) -> Written:
    captions = unit(VECTORS + 0.2)
    return write_next(database, Pictures(PICTURES, VECTORS, captions))


@pytest.mark.parametrize("left", ["all", "half", "tenth", "hundredth"])
@pytest.mark.parametrize("space", ["pictures", "captions"])
def test_the_index_finds_what_comparing_all_finds(
    database: Database, written: Written, left: str, space: Any
) -> None:
    """Also where a filter leaves one in a hundred, of which an index alone would find few."""
    by_index = PostgresStore(database, written.version, exact_up_to=0)
    exact = PostgresStore(database, written.version)
    scope = EVERYTHING if left == "all" else Scope(filters=((left, "True"),))
    hits, wanted = 0, 0
    for query in unit(np.random.default_rng(1).normal(size=(20, DIMENSION))):
        found, expected = (s.search(query, 10, scope, space)[0] for s in (by_index, exact))
        assert len(found) == len(expected)
        hits += len(set(found.tolist()) & set(expected.tolist()))
        wanted += len(expected)
    assert hits >= 0.95 * wanted


def test_the_index_is_what_answers_where_many_are_left(
    database: Database, written: Written
) -> None:
    reader = CountedReader(database)
    store = PostgresStore(reader, written.version, exact_up_to=0)
    store.search(VECTORS[0], 10)
    (search,) = [one for one in reader.statements if "<#>" in one]
    number = written.version.number
    plan = database.fetch("EXPLAIN " + search, (number, number, str(VECTORS[0].tolist()), 10))
    assert f"pictures_vector_{written.version.model}" in "\n".join(line for (line,) in plan)


def test_a_turn_is_few_statements_and_the_next_one_fewer(
    database: Database, written: Written
) -> None:
    reader = CountedReader(database)
    searcher = Searcher(PostgresStore(reader, written.version), ENCODER)
    query = Query(texts=("a dog and thing7",)).filter("half", "True")
    searcher.search(query)
    reader.statements.clear()
    shown = [hit.image_id for hit in searcher.search(query).hits]
    # Three rankings; all else is known.
    assert len(reader.statements) == 3, reader.statements
    reader.statements.clear()
    searcher.search(query, shown=shown)
    # And of the candidates that come now: their vectors, what they show, how many are left.
    assert len(reader.statements) <= 6, reader.statements


def test_a_large_gallery_is_sampled_without_being_counted_through(
    database: Database, written: Written
) -> None:
    store = PostgresStore(database, written.version, exact_up_to=100)
    assert store.sample(100).tolist() == list(range(0, SIZE, SIZE // 100))
    assert store.sample(100, turn=3)[0] == 3
    scope = Scope(filters=(("half", "True"),), barred=(0, 2))
    rows = store.sample(50, scope).tolist()
    assert rows == sorted(set(rows))
    assert len(rows) > 40
    assert set(rows) <= set(store.first(SIZE, scope).tolist())
