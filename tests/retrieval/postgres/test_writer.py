"""Versions share what they have in common, and each is what a fresh one would be."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from retrieval.errors import GalleryError
from retrieval.postgres.database import Database
from retrieval.postgres.store import PostgresStore
from retrieval.store.protocol import EVERYTHING, Picture, Scope, Store
from retrieval.store.vectors import Vectors
from tests.fixtures.postgres import new_gallery
from tests.retrieval.engines import NUMBERS, Pictures, write_next
from tests.retrieval.stubs import DIMENSION, picture, unit

VECTORS = unit(np.random.default_rng(0).normal(size=(50, DIMENSION)))


@pytest.fixture
def database(store_url: str) -> Iterator[Database]:
    database = Database(store_url)
    database.migrate()
    yield database
    database.close()


def numbered(pictures: list[Picture]) -> Pictures:
    """Return pictures in rows from 0 on, each with the vectors of its content."""
    places = [int(one.metadata["n"]) for one in pictures]
    rows = [replace(one, row=row) for row, one in enumerate(pictures)]
    return Pictures(rows, VECTORS[places], VECTORS[places])


def everything(store: Store) -> list[tuple[Picture, Vectors]]:
    rows = store.first(100)
    pictures = [replace(one, row=0) for one in store.pictures(rows)]
    return sorted(
        zip(pictures, store.vectors(rows), strict=True), key=lambda pair: pair[0].image_id
    )


def same(one: Store, other: Store) -> None:
    """Assert that two stores hold the same, but for the numbers of the rows."""
    for (this, vector), (that, own) in zip(everything(one), everything(other), strict=True):
        assert this == that
        np.testing.assert_allclose(vector, own, atol=NUMBERS)
    assert one.vocabulary() == other.vocabulary()
    assert one.facets() == other.facets()
    assert (len(one), one.captioned) == (len(other), other.captioned)
    for scope in (EVERYTHING, Scope(filters=(("folder", "folder1"),)), Scope(without=("cat",))):
        hits, expected = (store.search_words(["dog", "cat"], 50, scope) for store in (one, other))
        np.testing.assert_allclose(hits.scores, expected.scores, rtol=1e-5)
        found, wanted = (store.search(VECTORS[0], 50, scope) for store in (one, other))
        np.testing.assert_allclose(found[1], wanted[1], atol=NUMBERS)
        assert one.count(scope) == other.count(scope)


def test_a_version_is_what_it_would_be_alone_and_touches_what_changed(
    database: Database, postgres: Any
) -> None:
    first = [picture(n, (f"a {('dog', 'cat')[n % 2]}",), n=str(n), tag="old") for n in range(40)]
    changed = replace(first[3], captions=("a dog and a cat", "an otter"))
    moved = replace(first[4], path="elsewhere/4.png")
    second = [*first[:3], changed, moved, *first[5:30], picture(45, (), n="45", tag="new")]
    stores = []
    for pictures, added, ended in ((first, 40, 0), (second, 3, 12), (first, 12, 3)):
        written = write_next(database, numbered(pictures))
        assert (written.added, written.ended) == (added, ended)
        stores.append(PostgresStore(database, written.version))
    assert write_next(database, numbered(first)).added == 0
    fresh = Database(new_gallery(postgres))
    fresh.migrate()
    alone = [PostgresStore(fresh, write_next(fresh, numbered(one)).version) for one in [second]]
    same(stores[1], alone[0])
    same(stores[0], stores[2])
    fresh.close()


def test_a_version_that_fails_leaves_nothing(database: Database) -> None:
    before = numbered([picture(n, ("a dog",), n=str(n)) for n in range(5)])
    store = PostgresStore(database, write_next(database, before).version)
    with pytest.raises(GalleryError, match="4 pictures and 5 vectors"):
        write_next(database, replace(before, pictures=before.pictures[:4]))
    broken = replace(before.pictures[4], path="moved.png", image_id=None)
    with pytest.raises(Exception, match=r"refuses: .*image_id"):
        write_next(database, replace(before, pictures=[*before.pictures[:4], broken]))
    assert database.fetch("SELECT count(*) FROM versions") == [(1,)]
    assert store.first(9).tolist() == [0, 1, 2, 3, 4]
    assert write_next(database, before).added == 0
