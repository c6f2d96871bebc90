import numpy as np
import pytest

from retrieval.errors import RetrievalError
from retrieval.search.encoding import Encoded, TextVectors
from retrieval.search.query import Query
from retrieval.search.query_bank import RequestBank, TypicalRequests
from retrieval.search.searcher import Searcher
from retrieval.store.embedded import EmbeddedStore
from tests.retrieval.stubs import DIMENSION, StubEncoder, picture, unit, write_store

ONE = np.ones(1, np.float32)


def test_those_asked_for_last_are_kept() -> None:
    kept = TextVectors(size=2)
    kept.keep({"a": ONE, "b": ONE})
    assert kept.find(["a", "x"]).keys() == {"a"}
    kept.keep({"c": ONE})
    assert kept.find(["a", "b", "c"]).keys() == {"a", "c"}
    kept.clear()
    assert kept.find(["a"]) == {}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedStore:
    vectors = unit(np.random.default_rng(0).normal(size=(40, DIMENSION)))
    pictures = [picture(row, [f"a dog {row}"]) for row in range(40)]
    return write_store(tmp_path_factory.mktemp("encoding") / "s", vectors, pictures, vectors)


def test_a_plan_names_what_no_request_tells_and_each_text_once(store: EmbeddedStore) -> None:
    directions = {"dog": np.eye(DIMENSION, dtype=np.float32)[0]}
    bank = RequestBank(unit(np.ones((1, DIMENSION))), directions)
    requests = TypicalRequests(bank, np.zeros(40, np.float32))
    searcher = Searcher(store, StubEncoder(), requests=requests)
    query = Query(texts=("a cat", " ", "a cat", "\ud800"), image="key", excluded=("dogs", "?!"))
    assert searcher.plan(query).texts == ("a cat", "?")
    assert searcher.plan(query).image
    wordings = ("red cars", "a photo of red cars", "there are red cars in the picture")
    assert searcher.plan(Query().exclude("red cars")).texts == wordings
    assert not searcher.plan(Query().exclude("red cars")).image
    with pytest.raises(RetrievalError, match="query is empty"):
        searcher.plan(Query())


def test_ranking_needs_nothing_but_what_was_planned(store: EmbeddedStore) -> None:
    encoder = StubEncoder()
    searcher = Searcher(store, encoder)
    query = Query(texts=("a dog", "seven"), liked=(picture(3).image_id,)).exclude("cats")
    expected = searcher.search(query)
    plan = searcher.plan(query)
    vectors = dict(zip(plan.texts, encoder.encode_text(plan.texts), strict=True))
    encoder.calls.clear()
    assert searcher.rank(query, Encoded(vectors)) == expected
    searcher.groups(query, expected)
    assert encoder.calls == []


def test_a_text_is_encoded_once(store: EmbeddedStore) -> None:
    encoder = StubEncoder()
    searcher = Searcher(store, encoder)
    query = Query(texts=("a dog",)).exclude("cats")
    searcher.search(query)
    searcher.search(query.refine("brown"))
    assert [len(call) for call in encoder.calls] == [4, 1]
