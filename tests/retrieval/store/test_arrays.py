from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import GalleryError
from retrieval.store.arrays import Terms, load_arrays, save_arrays


def test_gives_back_what_was_saved_mapped_and_read_only(tmp_path: Path) -> None:
    save_arrays(tmp_path / "new", rows=np.arange(5), none=np.zeros((0, 3), np.float32))
    rows, none = load_arrays(tmp_path / "new", "rows", "none")
    assert rows.tolist() == [0, 1, 2, 3, 4]
    assert isinstance(rows.base, np.memmap)
    assert none.shape == (0, 3)
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 1


@pytest.mark.parametrize("content", [None, b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_damaged_array_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "rows.npy").write_bytes(content)
    with pytest.raises(GalleryError, match=r"rows\.npy cannot be read.*index the pictures again"):
        load_arrays(tmp_path, "rows")


@given(st.sets(st.text(st.characters(exclude_categories=["Cs"]))), st.text("abé犬", max_size=3))
def test_terms_are_found_as_in_a_sorted_list(words: set[str], other: str) -> None:
    listed = sorted(words)
    terms = Terms(*Terms.pack(listed))
    assert [terms[i] for i in range(len(terms))] == listed
    assert [terms.find(word) for word in listed] == list(range(len(listed)))
    assert terms.find(other) == (listed.index(other) if other in words else None)
    between = terms.between(other, other + "\U0010ffff")
    assert [terms[i] for i in between] == [w for w in listed if other <= w < other + "\U0010ffff"]


def test_terms_that_were_cut_are_refused() -> None:
    text, ends = Terms.pack(["cat", "dog"])
    with pytest.raises(GalleryError, match="do not end where their text does"):
        Terms(text[:-1], ends)
