from pathlib import Path

import numpy as np
import pytest

from embedding.errors import ModelError
from embedding.languages.head import Head


def some_head(seed: int = 0) -> Head:
    rng = np.random.default_rng(seed)
    shapes = [(12, 8), (8,), (8, 5), (5,)]
    return Head(*(rng.standard_normal(shape).astype(np.float32) for shape in shapes))


def test_the_mean_is_taken_over_the_tokens_that_are_some() -> None:
    head = some_head()
    tokens = np.random.default_rng(1).standard_normal((2, 3, 12)).astype(np.float32)
    mask = np.array([[True, True, True], [True, False, False]])
    found = head.project(tokens, mask)
    for i, count in enumerate((3, 1)):
        each = [np.maximum(tokens[i, t] @ head.inner + head.inner_bias, 0) for t in range(count)]
        vector = np.mean(each, axis=0) @ head.outer + head.outer_bias
        assert found[i] == pytest.approx(vector / np.linalg.norm(vector), abs=1e-5)


def test_a_saved_head_gives_the_same_vectors_to_a_step_of_its_weights(tmp_path: Path) -> None:
    head = some_head()
    head.save(tmp_path / "head.npz")
    read = Head.load(tmp_path / "head.npz")
    assert read.dimension == 5
    for name in ("inner", "outer"):
        before, after = getattr(head, name), getattr(read, name)
        step = np.abs(before).max(axis=0) / 127
        assert (np.abs(after - before) <= 0.51 * step).all()
    tokens = np.random.default_rng(1).standard_normal((4, 6, 12)).astype(np.float32)
    mask = np.ones((4, 6), bool)
    cosines = (read.project(tokens, mask) * head.project(tokens, mask)).sum(axis=1)
    assert cosines.min() > 0.999


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "head.npz").write_bytes(content)
    with pytest.raises(ModelError, match=r"head\.npz cannot be read"):
        Head.load(tmp_path / "head.npz")
