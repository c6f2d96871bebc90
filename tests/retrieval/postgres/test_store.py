"""What is PostgreSQL's own in a store: its index, its statements, and how few of them there are."""

import re
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
from tests.retrieval.engines import Pictures, partition, write_next
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
        late=str(row >= SIZE // 2),
    )
    for row in range(SIZE)
]


class CountedReader:
    """Remembers the statements that it passes on, and with which values."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.statements: list[str] = []
        self.values: list[Sequence[Any]] = []

    def fetch(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.statements.append(statement)
        self.values.append(values)
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
    with database.transaction() as connection:
        # So few, and so short ones, are sooner read whole.
        connection.run("SET LOCAL enable_seqscan = off")
        plan = connection.fetch("EXPLAIN " + search, reader.values[-1])
    assert f"pictures_vector_{written.version.model}" in "\n".join(line for (line,) in plan)


@pytest.mark.parametrize("words", [["dog"], ["dog", "thing8"], ["thing8"]])
@pytest.mark.parametrize("left", ["half", "late", "hundredth"])
@pytest.mark.parametrize("k", [10, SIZE])
@pytest.mark.parametrize("most_rows", [0, SIZE])
def test_a_filter_leaves_the_order_of_words_as_it_is(
    database: Database, written: Written, most_rows: int, k: int, left: str, words: list[str]
) -> None:
    """Where its rows are known, and where the best of all are looked up ("late" come last)."""
    store = PostgresStore(database, written.version, most_rows=most_rows)
    every = store.search_words(words, SIZE)
    stays = np.array([PICTURES[row].metadata[left] == "True" for row in every.rows])
    found = store.search_words(words, k, Scope(filters=((left, "True"),)))
    assert found.rows.tolist() == every.rows[stays][:k].tolist()
    assert found.scores.tolist() == every.scores[stays][:k].tolist()
    assert found.holds.tolist() == every.holds[stays][:k].tolist()


@pytest.mark.parametrize("most_rows", [0, SIZE])
def test_counts_are_those_of_all_rows(database: Database, written: Written, most_rows: int) -> None:
    store = PostgresStore(database, written.version, most_rows=most_rows)
    every = [row for row, one in enumerate(PICTURES) if one.metadata["date"] == "2003"]
    assert store.count(Scope((("date", "2003"),))) == len(every)
    without = [row for row in every if row % 50 != 13 or row % 10 == 0]
    scope = Scope((("date", "2003"),), without=("thing13",))
    assert store.count(scope) == len(without) < len(every)
    assert store.search_words(["thing13"], 10, scope).rows.tolist() == []
    assert store.count(Scope(without=("dog and thing13",))) == SIZE - 60
    assert store.count(Scope((("half", "True"), ("date", "2003")))) == 0


def test_how_many_a_folder_year_or_tag_leaves_is_not_counted_anew(
    database: Database, written: Written
) -> None:
    reader = CountedReader(database)
    store = PostgresStore(reader, written.version, most_rows=100)
    store.facets()
    reader.statements.clear()
    assert store.count(Scope((("date", "2003"),))) == 150
    assert reader.statements == []


def test_a_turn_is_few_statements_and_the_next_one_fewer(
    database: Database, written: Written
) -> None:
    reader = CountedReader(database)
    searcher = Searcher(PostgresStore(reader, written.version), ENCODER)
    query = Query(texts=("a dog and thing7",)).filter("half", "True")
    searcher.search(query)
    reader.statements.clear()
    shown = [hit.image_id for hit in searcher.search(query).hits]
    assert reader.statements == []  # all is known
    searcher.search(query, shown=shown)
    # What is left is compared once, by looks and by captions.
    assert len([one for one in reader.statements if "<#>" in one]) == 1, reader.statements
    # And of the candidates that come now: their vectors, what they show, how many are left.
    assert len(reader.statements) <= 4, reader.statements


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


def test_no_constraint_reaches_from_one_shard_to_another(database: Database) -> None:
    for table, column in (("pictures", "id"), ("postings", "picture")):
        constraints = database.fetch(
            "SELECT contype::text, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE %s::regclass IN (conrelid, confrelid) AND contype NOT IN ('n', 'c')",
            (table,),
        )
        assert {*constraints} <= {("p", f"PRIMARY KEY ({column})")}


def test_what_a_turn_asks_can_be_dealt_out_to_shards(postgres: Any) -> None:
    """The nearest come from one table, by distance, up to a limit: each shard gives its own."""
    database = Database(new_gallery(postgres))
    database.migrate()
    partition(database)
    written = write_next(database, Pictures(PICTURES, VECTORS, unit(VECTORS + 0.2)))
    reader = CountedReader(database)
    store = PostgresStore(reader, written.version, exact_up_to=100)
    searcher = Searcher(store, ENCODER)
    query = Query(texts=("a dog and thing7",)).filter("half", "True")
    searcher.search(query, shown=[hit.image_id for hit in searcher.search(query).hits])
    nearest = [one for one in reader.statements if "<#>" in one]
    assert nearest
    for one in nearest:
        assert re.findall(r"(?:FROM|JOIN) (\w+)", one) == ["pictures"]
        assert re.search(r"ORDER BY \w+::halfvec\(\d+\) <#> %s::halfvec\(\d+\) LIMIT %s$", one)
    store.search(VECTORS[0], 10)
    with database.transaction() as connection:
        # So few are sooner read whole; in millions it is this way that is the shorter.
        connection.run("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        found = connection.fetch("EXPLAIN " + reader.statements[-1], reader.values[-1])
    plan = "\n".join(line for (line,) in found)
    assert "Merge Append" in plan
    for part in range(3):
        assert re.search(rf"Index Scan using pictures_{part}_\w+ on pictures_{part}", plan), plan
    database.close()
