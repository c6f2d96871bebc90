import numpy as np
import pytest

from retrieval.errors import IndexMismatch
from retrieval.store.vectors import check_vectors


def test_gives_back_contiguous_equals() -> None:
    vectors = np.asfortranarray(np.eye(3, dtype=np.float32))
    checked = check_vectors(vectors, 3)
    assert checked.flags.c_contiguous
    assert np.array_equal(checked, vectors)


def test_slightly_off_lengths_pass_and_others_do_not() -> None:
    one = np.eye(2, dtype=np.float32)
    check_vectors(one * np.float32(1.0005), 2)
    with pytest.raises(IndexMismatch, match=r"length 1\.01"):
        check_vectors(one * np.float32(1.01), 2)
    with pytest.raises(IndexMismatch, match="length 0"):
        check_vectors(one * np.float32(0), 2)
    with pytest.raises(IndexMismatch, match="infinity"):
        check_vectors(np.full((1, 2), np.inf, np.float32), 2)


def test_vectors_have_a_dimension() -> None:
    with pytest.raises(IndexMismatch, match="expected"):
        check_vectors(np.zeros((2, 0), np.float32), 0)
