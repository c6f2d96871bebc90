"""The word index, against SQLite's full-text search and slow loops."""

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.errors import GalleryError
from retrieval.store.word_index import WordIndex, write_words
from retrieval.store.words import content_words, exclusion_phrase, regular_stem, stems, tokens

CAPTIONS = [
    ("A brown dog runs", "two dogs, actually"),
    ("a cat sleeping on the sofa",),
    ("waves on the beach",),
    ("party popper: congratulations",),
    ("her",),
    (),
]
VOCABULARY = [
    "dog",
    "dogs",
    "cat",
    "red",
    "car",
    "cup",
    "of",
    "tea",
    "a",
    "runs",
    "men",
    "man",
    "child",
]
galleries = st.lists(
    st.lists(st.lists(st.sampled_from(VOCABULARY), max_size=8).map(" ".join), max_size=3),
    min_size=1,
    max_size=12,
)
quickly = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def write(directory: Path, captions: list[list[str]] | list[tuple[str, ...]]) -> WordIndex:
    write_words(directory, captions)
    return WordIndex.open(directory)


@pytest.fixture
def index(tmp_path: Path) -> WordIndex:
    return write(tmp_path, CAPTIONS)


def test_holds_tells_words_and_phrases_in_any_form(index: WordIndex) -> None:
    for phrase in ("dogs", "the sofas", "brown dogs", "party popper"):
        assert index.holds(phrase), phrase
    for phrase in ("dog brown", "congratulations party", "lion", "", "?"):
        assert not index.holds(phrase), phrase


def search(index: WordIndex, text: str, k: int = 5) -> list[int]:
    return index.search(content_words(text), k).rows.tolist()


def test_captions_are_found_by_their_stem(index: WordIndex) -> None:
    assert (len(index), index.captioned) == (6, 5)
    assert search(index, "DOGS") == [0]
    assert search(index, "to congratulate her!") == [3]
    assert search(index, "zebra") == search(index, "something to her, the") == []


def test_better_matches_come_first_and_the_limit_holds(index: WordIndex) -> None:
    hits = index.search(["cat", "dog", "sofa"], 5)
    assert hits.rows.tolist() == [1, 0]
    assert hits.scores[0] > hits.scores[1]
    assert hits.holds.tolist() == [[True, False, True], [False, True, False]]
    assert search(index, "cat dog sofa", 1) == [1]


@quickly
@given(galleries, st.lists(st.sampled_from(VOCABULARY[:-3]), min_size=1, max_size=4, unique=True))
def test_ranks_as_sqlite_does(tmp_path: Path, captions: list[list[str]], words: list[str]) -> None:
    """The same formula, over the same stems."""
    hits = write(tmp_path, captions).search(words, 100)
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE documents USING fts5 (text)")
    database.executemany(
        "INSERT INTO documents(rowid, text) VALUES (?, ?)",
        [
            (row, " ".join(map(regular_stem, tokens(" ".join(texts)))))
            for row, texts in enumerate(captions)
        ],
    )
    wanted = " OR ".join(f'"{regular_stem(word)}"' for word in words)
    found = dict(
        database.execute(
            "SELECT rowid, -bm25(documents) FROM documents WHERE documents MATCH ?", (wanted,)
        ).fetchall()
    )
    database.close()
    assert set(hits.rows.tolist()) == set(found)
    expected = [found[row] for row in hits.rows.tolist()]
    assert hits.scores.tolist() == pytest.approx(expected, rel=1e-4, abs=1e-9)


@quickly
@given(galleries, st.lists(st.sampled_from(VOCABULARY), max_size=4).map(" ".join))
def test_a_phrase_is_found_as_by_a_slow_loop(
    tmp_path: Path, captions: list[list[str]], phrase: str
) -> None:
    wanted = [stem for word in exclusion_phrase(phrase) for stem in stems(word)]

    def holds(text: str) -> bool:
        said = stems(text)
        return any(said[i : i + len(wanted)] == wanted for i in range(len(said)))

    expected = [row for row, own in enumerate(captions) if wanted and any(map(holds, own))]
    assert write(tmp_path, captions).rows_with(phrase).tolist() == expected


@settings(quickly, max_examples=30)
@given(
    galleries,
    st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=5, unique=True),
    st.integers(1, 4),
    st.data(),
)
def test_words_that_can_add_little_are_left_out_without_changing_the_first_ones(
    tmp_path: Path, captions: list[list[str]], words: list[str], k: int, data: st.DataObject
) -> None:
    index = write(tmp_path, captions * 3)
    rows = len(captions) * 3
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    for allowed in (None, mask):
        every = index.search(words, rows, allowed)
        some = index.search(words, k, allowed)
        assert some.rows.tolist() == every.rows[:k].tolist()
        assert some.scores.tolist() == pytest.approx(every.scores[:k].tolist())
        assert some.holds.tolist() == every.holds[:k].tolist()


def test_a_word_of_most_captions_leaves_the_order_to_the_rows(tmp_path: Path) -> None:
    """It weighs as little as the noise, so that all who hold it are one chain of ties."""
    captions = [["dog dog dog cat cat cat cat cat", "cat cat cat"], ["dog"], ["dog dog"]]
    index = write(tmp_path, captions * 3)
    assert index.search(["dog", "dogs"], 9).rows.tolist() == list(range(9))
    assert index.search(["dog", "dogs"], 1).rows.tolist() == [0]


def test_mentions_for_exclusion(index: WordIndex) -> None:
    assert index.rows_with("any dog").tolist() == [0]
    assert index.rows_with("brown dogs").tolist() == [0]
    assert index.rows_with("beaches").tolist() == [2]
    assert index.rows_with("runs two").tolist() == []  # of two captions
    assert index.rows_with("dog brown").tolist() == index.rows_with("!").tolist() == []


def test_no_filter_loses_what_ranks_low(tmp_path: Path) -> None:
    """Whatever the number of pictures that rank higher: 6,000 here."""
    captions = [("dog",)] * 6_000 + [("a dog among many other words that make it rank low",)]
    index = write(tmp_path, captions)
    mask = np.zeros(len(captions), np.bool_)
    mask[-1] = True
    assert index.search(["dog"], 10, mask).rows.tolist() == [6_000]
    assert index.search(["dog"], 10).rows.tolist() == list(range(10))


def test_one_and_many_are_ranked_apart_and_excluded_together(tmp_path: Path) -> None:
    """One man and several men are different pictures; whoever says "no men" wants neither."""
    index = write(tmp_path, [("a child",), ("two children",), ("a dog",)])
    assert search(index, "children") == [1]
    for phrase in ("children", "a child"):
        assert index.rows_with(phrase).tolist() == [0, 1]


def test_rare_words_weigh_more(index: WordIndex) -> None:
    assert index.weight("unheard") > index.weight("cat") > 0
    assert index.weight("a") < index.weight("cat")


@quickly
@given(st.text() | st.sampled_from(['"', "dog AND", "NEAR(", "-dog", "do*", "\x00dog", "\ud800 a"]))
def test_whatever_is_typed_is_safe(index: WordIndex, text: str) -> None:
    index.search(content_words(text), 5)
    index.rows_with(text)


def test_very_long_texts_are_searched(index: WordIndex) -> None:
    assert search(index, "dog " + " ".join(f"word{i}" for i in range(3_000))) == [0]


def test_a_gallery_without_captions_finds_nothing(tmp_path: Path) -> None:
    index = write(tmp_path, [(), ()])
    assert (len(index), index.captioned) == (2, 0)
    assert search(index, "dog") == index.rows_with("dog").tolist() == []
    assert index.weight("dog") == 0


def test_files_of_two_indexes_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a", CAPTIONS)
    write(tmp_path / "b", [("one two three",)])
    (tmp_path / "a" / "rows.npy").write_bytes((tmp_path / "b" / "rows.npy").read_bytes())
    with pytest.raises(GalleryError, match="contradicts itself"):
        WordIndex.open(tmp_path / "a")
