"""What every store does, on each engine, against slow loops over plain data."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.errors import RetrievalError
from retrieval.store.filters import Facets
from retrieval.store.protocol import EVERYTHING, Picture, Scope, Store
from retrieval.store.word_index import WordIndex, write_words
from retrieval.store.words import content_words, tokens
from tests.retrieval.engines import (
    NUMBERS,
    EmbeddedEngine,
    Engine,
    PartitionedEngine,
    Pictures,
    PostgresEngine,
)

SIZE, DIMENSION = 120, 8
THINGS = ("dog", "cat", "red car", "car that is red")


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


VECTORS = unit(np.random.default_rng(0).normal(size=(SIZE, DIMENSION)))
CAPTION_VECTORS = unit(np.random.default_rng(1).normal(size=(SIZE, DIMENSION)))


def picture(row: int, path: str, captions: Sequence[str], metadata: dict[str, str]) -> Picture:
    sha256 = f"{row + 1:064x}"[::-1]
    return Picture(row, sha256[:16], path, sha256, 10, 20, tuple(captions), metadata)


def made_up(row: int) -> Picture:
    captions = (f"a {THINGS[row % 4]}",) if row % 5 else ()
    metadata = {"date": f"202{row % 3}-0{1 + row % 9}", "even": str(row % 2 == 0)}
    return picture(row, f"{'ab'[row % 2]}/{row}.png", captions, metadata)


PICTURES = [made_up(row) for row in range(SIZE)]
CAPTIONED = [row for row in range(SIZE) if row % 5]
GALLERY = Pictures(PICTURES, VECTORS, CAPTION_VECTORS)


ENGINES = ["embedded", "postgres", pytest.param("partitioned", marks=pytest.mark.scale)]


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    engine: Engine
    if request.param == "embedded":
        engine = EmbeddedEngine(tmp_path_factory.mktemp("engine"))
    elif request.param == "postgres":
        engine = PostgresEngine(request.getfixturevalue("postgres"))
    else:
        engine = PartitionedEngine(request.getfixturevalue("postgres"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def store(engine: Engine) -> Store:
    return engine.open(GALLERY)


def said(engine: Engine, captions: Sequence[Sequence[str]]) -> Store:
    """Return a store of pictures of which something is said."""
    pictures = [picture(row, f"{row}.png", own, {}) for row, own in enumerate(captions)]
    return engine.open(Pictures(pictures, np.resize(VECTORS, (len(pictures), DIMENSION))))


def in_scope(scope: Scope) -> list[int]:
    """Return the rows of a scope, by looking at every picture."""

    def fits(one: Picture) -> bool:
        text = " ".join(one.captions)
        return (
            one.row not in scope.barred
            and not any(phrase in text for phrase in scope.without)
            and all(
                one.path.startswith(f"{value}/")
                if key == "folder"
                else one.metadata[key].startswith(value)
                for key, value in scope.filters
            )
        )

    return [one.row for one in PICTURES if fits(one)]


SCOPES = [
    EVERYTHING,
    Scope(barred=(3, 5)),
    Scope(filters=(("folder", "a"),)),
    Scope(filters=(("date", "2021"), ("even", "True")), barred=(4, 7)),
    Scope(without=("dog", "red car")),
    Scope(filters=(("folder", "b"), ("date", "2020")), without=("cat",), barred=tuple(range(60))),
    Scope(filters=(("folder", "nowhere"),)),
]


@pytest.mark.parametrize("scope", SCOPES)
def test_every_search_keeps_to_its_scope(store: Store, scope: Scope) -> None:
    expected = in_scope(scope)
    assert store.count(scope) == len(expected)
    assert store.first(7, scope).tolist() == expected[:7]
    query = VECTORS[0]
    rows, cosines = store.search(query, 10, scope)
    best = sorted(expected, key=lambda row: -float(VECTORS[row] @ query))[:10]
    assert rows.tolist() == best
    np.testing.assert_allclose(cosines, VECTORS[best] @ query, atol=NUMBERS)
    rows, _ = store.search(query, 10, scope, "captions")
    told = [row for row in expected if row in CAPTIONED]
    assert rows.tolist() == sorted(told, key=lambda r: -float(CAPTION_VECTORS[r] @ query))[:10]
    hits = store.search_words(["red"], SIZE, scope)
    assert sorted(hits.rows.tolist()) == [r for r in told if "red" in THINGS[r % 4]]


def test_what_a_turn_bars_is_not_barred_in_the_next(store: Store) -> None:
    filters = (("folder", "a"),)
    before = store.count(Scope(filters))
    assert store.count(Scope(filters, barred=(0, 2))) == before - 2
    assert store.count(Scope(filters)) == before


def test_gives_back_what_was_written(store: Store) -> None:
    assert (len(store), store.dimension, store.captioned) == (SIZE, DIMENSION, len(CAPTIONED))
    assert store.attribution == "by me"
    assert store.pictures([7, 0]) == [PICTURES[7], PICTURES[0]]
    assert store.get(PICTURES[9].image_id) == PICTURES[9]
    assert store.get("0" * 16) is None
    assert store.rows_of([PICTURES[9].image_id, "nothing"]) == [9]
    np.testing.assert_allclose(store.vectors([5, 0]), VECTORS[[5, 0]], atol=NUMBERS)
    found = store.vectors([4, 1], "captions")
    np.testing.assert_allclose(found, CAPTION_VECTORS[[4, 1]], atol=NUMBERS)
    assert store.vectors([], "captions").shape == (0, DIMENSION)
    for row in (0, 5, SIZE - 1 - (SIZE - 1) % 5):
        with pytest.raises(RetrievalError, match=f"row {row} has no captions"):
            store.vectors([1, row], "captions")
    for row in (-1, SIZE):
        with pytest.raises(RetrievalError, match=f"row {row}"):
            store.vectors([1, row])


def test_a_search_for_none_or_by_what_is_no_vector_is_refused(store: Store) -> None:
    with pytest.raises(RetrievalError, match="k is 0"):
        store.search(VECTORS[0], 0)
    with pytest.raises(RetrievalError, match="shape"):
        store.search(VECTORS[0, :4], 1)


def test_a_sample_is_spread_over_a_scope(store: Store) -> None:
    assert store.sample(10).tolist() == list(range(0, SIZE, 12))
    assert store.sample(1000).tolist() == list(range(SIZE))
    assert store.sample(10, turn=25).tolist() == list(range(1, SIZE, 12))
    folder = Scope(filters=(("folder", "a"),), barred=(0,))
    rows = store.sample(10, folder, turn=1)
    assert len(rows) == 10
    assert set(rows.tolist()) <= set(store.first(SIZE, folder).tolist())
    assert set(rows.tolist()).isdisjoint(store.sample(10, folder).tolist())


def test_the_vocabulary_is_the_words_as_written(store: Store) -> None:
    said = [word for one in PICTURES for text in one.captions for word in tokens(text)]
    assert store.vocabulary() == Counter(said)


def test_a_date_that_is_none_is_named(store: Store) -> None:
    with pytest.raises(RetrievalError, match="'soon' is not understood"):
        store.search(VECTORS[0], 1, Scope(filters=(("date", "soon"),)))


def test_without_captions_only_pictures_are_found(engine: Engine) -> None:
    bare = [replace(one, captions=()) for one in PICTURES[:3]]
    store = engine.open(Pictures(bare, VECTORS[:3]))
    assert store.captioned == 0
    assert len(store.search(VECTORS[0], 3, space="captions")[0]) == 0
    assert len(store.search_words(["dog"], 3).rows) == 0
    assert store.word_weight("dog") == 0
    assert not store.holds("dog")


FILTERED = [
    ("holiday/rome/a.jpg", {"date": "2023-06-14", "tags": "Sunset, old town"}),
    ("holiday/b.jpg", {"date": "2023-06", "tag": "sunset"}),
    ("holiday2/c.jpg", {"date": "2022:12:31 23:59:59"}),
    ("work/d.jpg", {"date": "some day", "author": "Ann", "long": "x" * 9_000}),
    ("e.jpg", {"date": "2024/1/5", "tags": "cat;dog|", "nul": "a\0b"}),
]


@pytest.fixture(scope="module")
def filtered(engine: Engine) -> Store:
    pictures = [picture(row, path, (), data) for row, (path, data) in enumerate(FILTERED)]
    return engine.open(Pictures(pictures, VECTORS[:5]))


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        ([("folder", "holiday")], [0, 1]),
        ([("folder", "holiday/")], [0, 1]),
        ([("folder", "holiday/rome")], [0]),
        ([("folder", "/")], [0, 1, 2, 3, 4]),
        ([("date", "2023")], [0, 1]),
        ([("date", "2023-06")], [0, 1]),
        ([("date", "2023-6-14")], [0]),
        ([("date", "2022..2023")], [0, 1, 2]),
        ([("date", "2022-12-31..2023-06-13")], [1, 2]),
        ([("date", "2023..")], [0, 1, 4]),
        ([("date", "..2022")], [2]),
        ([("date", "1999")], []),
        ([("tag", "SUNSET")], [0, 1]),
        ([("tag", "old  town")], [0]),
        ([("tag", "old")], []),
        ([("author", "Ann")], [3]),
        ([("author", "ann")], []),
        ([("long", "x" * 9_000)], [3]),
        ([("long", "x" * 8_999)], []),
        ([("nul", "a\0b")], [4]),
        ([("tag", "sunset"), ("date", "2023-06-14"), ("folder", "holiday")], [0]),
        ([("date", "2023.."), ("date", "..2023")], [0, 1]),
    ],
)
def test_filters(filtered: Store, filters: list[tuple[str, str]], rows: list[int]) -> None:
    scope = Scope(tuple(filters))
    assert filtered.first(9, scope).tolist() == rows
    assert filtered.count(scope) == len(rows)


@pytest.mark.parametrize("text", ["", "\0", "\ud800", "a\0b", "\U0010ffff", "~" * 5_000, "'\\"])
def test_whatever_is_asked_for_is_safe(filtered: Store, text: str) -> None:
    for key in ("folder", "tag", "author", text):
        assert set(filtered.first(9, Scope(((key, text),))).tolist()) <= set(range(5))
    assert filtered.first(9, Scope(((text, "no such value"),))).tolist() == []
    filtered.search_words(content_words(text), 5)
    assert filtered.count(Scope(without=(text,))) == len(FILTERED)
    assert not filtered.holds(text)
    assert filtered.get(text) is None


def test_facets_count_what_there_is(filtered: Store) -> None:
    facets = filtered.facets()
    assert facets == Facets(
        {"holiday": 2, "holiday/rome": 1, "holiday2": 1, "work": 1},
        {"2023": 2, "2022": 1, "2024": 1},
        {"sunset": 2, "cat": 1, "dog": 1, "old town": 1},
    )
    assert next(iter(facets.folders)) == "holiday"
    assert next(iter(facets.years)) == "2023"


TOLD = [
    ("A brown dog runs", "two dogs, actually"),
    ("a cat sleeping on the sofa",),
    ("waves on the beach",),
    ("party popper: congratulations",),
    ("her", "O'Brien's \\ back:slash' | & dog"),
    (),
    ("two children",),
    ("a child",),
]


@pytest.fixture(scope="module")
def told(engine: Engine) -> Store:
    return said(engine, TOLD)


def test_holds_tells_words_and_phrases_in_any_form(told: Store) -> None:
    for phrase in ("dogs", "the sofas", "brown dogs", "party popper", "a child", "two child"):
        assert told.holds(phrase), phrase
    for phrase in ("dog brown", "congratulations party", "lion", "runs two", "", "?"):
        assert not told.holds(phrase), phrase


def test_captions_are_found_by_their_stem_and_better_ones_come_first(told: Store) -> None:
    assert told.search_words(["dogs"], 5).rows.tolist() == [0, 4]
    hits = told.search_words(["cat", "dog", "sofa"], 5)
    assert hits.rows.tolist() == [1, 0, 4]
    assert hits.holds.tolist() == [[True, False, True], *[[False, True, False]] * 2]
    assert hits.scores[0] > hits.scores[1] > hits.scores[2]
    assert told.search_words(["cat", "dog", "sofa"], 1).rows.tolist() == [1]
    assert told.search_words(["zebra"], 5).holds.shape == (0, 1)
    assert told.search_words([], 5).holds.shape == (0, 0)
    many = ["dog", *(f"word{i}" for i in range(3_000))]
    assert told.search_words(many, 5).rows.tolist() == [0, 4]
    assert told.search_words(many, 5).holds[:, 0].all()


def test_one_and_many_are_ranked_apart_and_excluded_together(told: Store) -> None:
    """One child and several are different pictures; whoever says "no children" wants neither."""
    assert told.search_words(["children"], 5).rows.tolist() == [6]
    for phrase in ("children", "a child"):
        assert told.first(9, Scope(without=(phrase,))).tolist() == [0, 1, 2, 3, 4, 5]


def test_rare_words_weigh_more(told: Store) -> None:
    assert told.word_weight("unheard") > told.word_weight("cat") > told.word_weight("dog") > 0


def test_equal_scores_keep_the_order_of_the_rows(engine: Engine) -> None:
    store = said(engine, [("a dog",)] * 300 + [("a dog among many words that rank it low",)])
    assert store.search_words(["dog"], 10).rows.tolist() == list(range(10))
    last = Scope(barred=tuple(range(300)))
    assert store.search_words(["dog"], 10, last).rows.tolist() == [300]
    assert store.search_words(["dog"], 1_000).rows[-1] == 300


WORDS = ["dog", "dogs", "cat", "red", "car", "cup", "of", "tea", "a", "runs", "men", "man", "child"]
captions = st.lists(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), max_size=3),
    min_size=1,
    max_size=12,
)
asked = st.lists(st.sampled_from(WORDS[:-3]), min_size=1, max_size=4, unique=True)


@settings(
    deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(captions, st.lists(asked, min_size=5, max_size=5))
def test_words_rank_and_phrases_are_found_as_in_the_word_index(
    engine: Engine, tmp_path: Path, captions: list[list[str]], requests: list[list[str]]
) -> None:
    """Which is held against SQLite's full-text search and slow loops in test_word_index.py."""
    store = said(engine, captions)
    write_words(tmp_path, captions)
    index = WordIndex.open(tmp_path)
    with ExitStack() as opened:
        opened.callback(engine.shut, store)
        check_words(store, index, captions, requests)


def check_words(
    store: Store, index: WordIndex, captions: list[list[str]], requests: list[list[str]]
) -> None:
    for words in requests:
        hits, expected = store.search_words(words, 100), index.search(words, 100)
        assert hits.rows.tolist() == expected.rows.tolist()
        np.testing.assert_allclose(hits.scores, expected.scores, rtol=1e-5)
        np.testing.assert_array_equal(hits.holds, expected.holds)
        phrase = " ".join(words[:2])
        left = set(store.first(100, Scope(without=(phrase,))).tolist())
        assert {*range(len(captions))} - left == set(index.rows_with(phrase).tolist())
        assert store.holds(phrase) == index.holds(phrase)
        assert store.word_weight(words[0]) == index.weight(words[0])
