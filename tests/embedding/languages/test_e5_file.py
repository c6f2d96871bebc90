import struct
from pathlib import Path

import numpy as np
import pytest

from embedding.errors import ModelError
from embedding.languages.e5_file import read_e5
from tests.embedding.languages.small_e5 import EPSILON, PIECES, write_small_e5


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "small.bin"
    written = write_small_e5(path)
    read = read_e5(path)
    assert (read.width, read.layers, read.heads, read.inner) == (64, 2, 4, 128)
    assert read.epsilon == pytest.approx(EPSILON)
    assert [piece for piece, _ in read.pieces] == PIECES
    assert read.specials == {"begin": 0, "end": 2, "pad": 1, "unknown": 3}
    for name, matrix in written.matrices.items():
        packed = read.matrices[name]
        blocks = packed.steps.reshape(len(matrix), -1, 32).astype(np.float32) - 8
        assert (blocks * packed.scales[:, :, None]).reshape(matrix.shape) == pytest.approx(matrix)
    for name, vector in written.vectors.items():
        assert np.array_equal(read.vectors[name], vector.ravel())


def test_two_steps_share_a_byte_the_earlier_one_in_its_low_half(tmp_path: Path) -> None:
    write_small_e5(tmp_path / "small.bin")
    packed = read_e5(tmp_path / "small.bin").matrices["l0.q.w"]
    nibbles = packed.nibbles()
    assert np.array_equal(nibbles & 15, packed.steps[:, ::2])
    assert np.array_equal(nibbles >> 4, packed.steps[:, 1::2])


@pytest.mark.parametrize("content", [b"", b"GGUF" + bytes(100), struct.pack("<4s", b"E5S1")])
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.bin"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="not in the form E5S1"):
        read_e5(path)
