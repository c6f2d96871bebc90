from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from retrieval.search.known_words import (
    known_to_captions,
    known_to_requests,
    naming_words,
    unknown_words,
)
from retrieval.search.query_bank import RequestBank, TypicalRequests
from retrieval.store.embedded import EmbeddedStore
from tests.retrieval.stubs import picture, unit, write_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    pictures = [picture(0, ("two puppies", "a policeman")), picture(1, ("a red bicycle",))]
    store = write_store(tmp_path / "store", unit(np.eye(2, 4)), pictures)
    yield store
    store.close()


def test_captions_know_forms_other_names_and_kinds(store: EmbeddedStore) -> None:
    known = known_to_captions(store)
    for word in ("puppy", "policemen", "bike", "bicycles", "vehicle", "animals", "people"):
        assert known(word), word
    for word in ("car", "cat", "woman", "giraffe"):
        assert not known(word), word


def test_requests_know_what_they_have_a_direction_of() -> None:
    axis = np.eye(1, 4, dtype=np.float32)
    requests = TypicalRequests(RequestBank(axis, {"bike": axis[0]}), np.zeros(1, np.float32))
    known = known_to_requests(requests)
    assert (known("bicycles"), known("vehicles"), known("car")) == (True, True, False)
    assert not known_to_requests(None)("bike")


def test_words_that_name_nothing_are_never_unknown() -> None:
    text = "Show me some really nice photos of 3 zebras, please!"
    assert naming_words(text) == ["zebras"]
    assert unknown_words(text, lambda _word: False) == ["zebras"]
    assert unknown_words(text, lambda word: word == "zebras") == []
    assert naming_words("the best of it") == []


def test_what_is_done_with_a_thing_is_not_missing() -> None:
    def nothing(_word: str) -> bool:
        return False

    assert unknown_words("something sweet to eat", nothing) == ["sweet"]
    assert unknown_words("anything warm to wear in the snow", nothing) == ["warm", "snow"]
    assert unknown_words("a road to Paris", nothing) == ["road", "paris"]
    assert unknown_words("a quiet beach", nothing) == ["beach"]
