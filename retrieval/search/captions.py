"""What captions mean: one vector a picture, in the space of its looks.

A caption that shares no word with a request can still say the same. The vector is the normalised
mean of the captions' text vectors: as large as the picture's own, however many captions it has.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from embedding.progress import Progress
from retrieval.store.faiss_index import FaissIndex, Vectors, build_index

__all__ = ["Captioned", "build_meanings", "mean_meanings"]

_BATCH = 256

Captioned = tuple[tuple[str, ...], Vectors]
"""The captions of a picture and the vector (dimension,) that they were given."""


def build_meanings(
    captions: Sequence[Sequence[str]],
    known: Mapping[int, Captioned],
    encode: Callable[[Sequence[str]], Vectors],
    progress: Progress,
) -> FaissIndex | None:
    """Return an index over the captions' vectors, by row; None where there are no captions.

    Args:
        captions: those of each row; rows without any have no vector.
        known: what an earlier bundle of the same model has for some rows; taken over where the
            captions are still the same.
        encode: texts -> unit vectors (n, dimension).
        progress: told how many rows are done.
    """
    vectors: dict[int, Vectors] = {}
    fresh: list[int] = []
    for row, texts in enumerate(captions):
        old = known.get(row)
        if old is not None and old[0] == tuple(texts):
            vectors[row] = old[1]
        elif texts:
            fresh.append(row)
    for start in range(0, len(fresh), _BATCH):
        rows = fresh[start : start + _BATCH]
        found = mean_meanings([captions[row] for row in rows], encode)
        vectors.update(zip(rows, found, strict=True))
        progress(start + len(rows), len(fresh), "indexing captions")
    if not vectors:
        return None
    ids = np.array(sorted(vectors), dtype=np.int64)
    return build_index(ids, np.stack([vectors[row] for row in ids.tolist()]))


def mean_meanings(
    captions: Sequence[Sequence[str]], encode: Callable[[Sequence[str]], Vectors]
) -> Vectors:
    """Return unit vectors (n, dimension) of n pictures' captions, at least one each."""
    found = encode([text for texts in captions for text in texts])
    starts = np.cumsum([0, *(len(texts) for texts in captions[:-1])])
    sums = np.add.reduceat(found, starts, axis=0)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    # Captions that cancel out say nothing together: then the first one speaks for all.
    means = np.where(lengths > 1e-6, sums / np.maximum(lengths, 1e-6), found[starts])
    unit: Vectors = means.astype(np.float32)
    return unit
