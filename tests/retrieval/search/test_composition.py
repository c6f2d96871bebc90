from pathlib import Path

import numpy as np
import pytest

from retrieval.search.composition import kinds_by_captions, kinds_by_looks
from retrieval.search.scenes import SCENES
from retrieval.store.embedded import EmbeddedStore
from tests.retrieval.stubs import picture, unit, write_store


def store_of(directory: Path, captions: list[tuple[str, ...]]) -> EmbeddedStore:
    vectors = unit(np.random.default_rng(0).normal(size=(len(captions), 4)))
    pictures = [picture(row, own) for row, own in enumerate(captions)]
    return write_store(directory / "store", vectors, pictures)


def test_captions_name_the_scenes(tmp_path: Path) -> None:
    texts: list[tuple[str, ...]] = [("two dogs in the snow",), ("a puppy",), ("A lake.", "boats")]
    store = store_of(tmp_path, [*(texts * 10), ()])
    kinds = kinds_by_captions(store)
    # Of the pictures that have captions; what nearly all of them show is no kind of its own.
    assert {group.label: round(group.share, 3) for group in kinds} == {
        "in the water": 0.333,
        "in the snow": 0.333,
    }
    store.close()


def test_captions_that_name_none_are_told_by_their_words(tmp_path: Path) -> None:
    names = [("flag of Peru",), ("flag: Japan",), ("Flags of Chile",), ("the letter b",), ("x",)]
    store = store_of(tmp_path, names * 4)
    kinds = kinds_by_captions(store)
    assert (kinds[0].label, kinds[0].share) == ("flag", pytest.approx(0.6))
    assert len(kinds[0].image_ids) == 6
    assert "of" not in {group.label for group in kinds}
    store.close()


def test_looks_count_a_picture_for_what_it_shows_most_of(tmp_path: Path) -> None:
    store = store_of(tmp_path, [()] * 20)
    shows = np.zeros((20, len(SCENES)), np.float32)
    shows[:8, 0], shows[:4, 1], shows[8:10, 2], shows[10:, 3] = 2, 3, 1.5, 0.5
    kinds = kinds_by_looks(store, np.arange(20), shows)
    labels = list(SCENES)
    assert [(group.label, group.share) for group in kinds] == [
        (labels[0], pytest.approx(0.2)),
        (labels[1], pytest.approx(0.2)),
        (labels[2], pytest.approx(0.1)),
    ]
    assert kinds[2].image_ids == (picture(8).image_id, picture(9).image_id)
    store.close()
