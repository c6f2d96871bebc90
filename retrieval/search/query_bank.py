"""What people ask for: typical requests, and what they tell about pictures and about words.

Some pictures lie near to every request and crowd out the right ones. How near a picture is to the
typical requests that are nearest to it is known before anybody asks, and is taken off its score
(CSLS of Conneau et al., 2018; query bank normalisation of Bogolin et al., 2022). Typical requests
also show what a word looks like: the mean vector of those that hold "dog", less the mean of the
others, finds dogs better than the vector of "a dog" does (docs/experiments.md).

The requests are those that the model names: captions that it was trained on, in showtell.json
("requests"), or, where those may not be given away, their vectors in requests.npz beside it. The
captions of the gallery itself do not do: pictures of sweets lie near to what is said of other
sweets, and "something sweet to eat" must find them (docs/experiments.md).
"""

import random
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from embedding.model.encoder import Encoder
from embedding.model.files import read_info
from embedding.model.vectors import unit
from retrieval.errors import RetrievalError
from retrieval.store.files import atomic_path
from retrieval.store.vectors import Ids, Vectors
from retrieval.store.words import exclusion_phrase, stem, stems

__all__ = [
    "LEAST_REQUESTS",
    "MOST_REQUESTS",
    "REQUESTS",
    "Nearness",
    "RequestBank",
    "TypicalRequests",
    "choose_requests",
    "known_bank",
    "measure_nearness",
]

REQUESTS = "requests.npz"
"""The file of typical requests, beside a model and in a bundle."""

LEAST_REQUESTS = 200
MOST_REQUESTS = 2_500
NEAREST = 10
"""A picture is compared with so many of the requests that are nearest to it."""

LEAST_EXAMPLES = 3
"""So many requests must hold a phrase to show what it looks like."""
MOST_PHRASES = 2_000

_ROWS = 4_096
_STEPS = 127


@dataclass(frozen=True, eq=False)
class RequestBank:
    """What people ask for, as vectors.

    Attributes:
        vectors: (n, dimension) of the requests, each normalised.
        directions: for each phrase of one or two words the unit vector (dimension,) along which
            it shows.
        texts: the requests; empty where only their vectors are known.
    """

    vectors: Vectors
    directions: Mapping[str, Vectors]
    texts: tuple[str, ...] = ()

    @classmethod
    def of(cls, texts: Sequence[str], encode: Callable[[Sequence[str]], Vectors]) -> Self:
        """Return the bank of some requests.

        Args:
            texts: at least `NEAREST`.
            encode: texts -> unit vectors (n, dimension).
        """
        vectors = encode(texts)
        return cls(_in_steps(vectors), _directions(texts, vectors), tuple(texts))

    def direction(self, phrase: str) -> Vectors | None:
        """Return the unit vector (dimension,) along which a phrase shows; None if it is rare."""
        words = " ".join(stem(word) for word in exclusion_phrase(phrase))
        return self.directions.get(words)

    def save(self, path: Path, nearness: npt.NDArray[np.float32] | None = None) -> None:
        """Write vectors and directions, but no text of a request, to one file, atomically.

        Args:
            path: where to.
            nearness: of a gallery's pictures, kept beside them.
        """
        more = {} if nearness is None else {"nearness": nearness}
        phrases = sorted(self.directions)
        rows = [self.directions[phrase] for phrase in phrases]
        directions = np.stack(rows) if rows else np.zeros((0, self.vectors.shape[1]), np.float32)
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                phrases=np.array(phrases, dtype=np.str_),
                vectors=_steps_of(self.vectors),
                directions=_steps_of(directions),
                **more,  # type: ignore[arg-type]  # NumPy's own keyword is not among them
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            RetrievalError: the file is missing or is no such file.
        """
        return cls._of_arrays(_read(path, "phrases", "vectors", "directions"))

    @classmethod
    def _of_arrays(cls, arrays: Mapping[str, npt.NDArray[np.generic]]) -> Self:
        # The phrases of older files have other forms: those that have become one share a mean.
        sums: dict[str, Vectors] = {}
        for phrase, direction in zip(
            arrays["phrases"], _of_steps(arrays["directions"]), strict=True
        ):
            words = " ".join(stem(word) for word in str(phrase).split())
            sums[words] = sums[words] + direction if words in sums else direction
        directions = unit(np.stack(list(sums.values()))) if sums else ()
        return cls(_of_steps(arrays["vectors"]), dict(zip(sums, directions, strict=True)))


class Nearness(Protocol):
    """How near pictures are to typical requests: an array, or what a store keeps of it."""

    def __getitem__(self, rows: Ids, /) -> npt.NDArray[np.float32]:
        """Return that of some rows, (n,): the mean cosine to the nearest requests of each."""


@dataclass(frozen=True, eq=False)
class TypicalRequests:
    """Typical requests and how near each picture is to them.

    Attributes:
        bank: the requests.
        nearness: of the pictures.
    """

    bank: RequestBank
    nearness: Nearness

    def direction(self, phrase: str) -> Vectors | None:
        """Return the unit vector (dimension,) along which a phrase shows; None if it is rare."""
        return self.bank.direction(phrase)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            RetrievalError: the file is missing or is no such file.
        """
        arrays = _read(path, "phrases", "vectors", "directions", "nearness")
        return cls(RequestBank._of_arrays(arrays), np.asarray(arrays["nearness"], np.float32))


def measure_nearness(
    bank: RequestBank, pictures: Vectors, captions: Sequence[Sequence[str]]
) -> npt.NDArray[np.float32]:
    """Return how near pictures are to typical requests: the mean cosine to the nearest, (n,).

    Args:
        bank: at least `NEAREST` requests.
        pictures: (n, dimension), each normalised.
        captions: of each; a picture's own captions do not count as requests near to it.
    """
    place = {text: i for i, text in enumerate(bank.texts)}
    nearness = np.empty(len(pictures), np.float32)
    for start in range(0, len(pictures), _ROWS):
        cosines = pictures[start : start + _ROWS] @ bank.vectors.T
        for i, own in enumerate(captions[start : start + _ROWS]):
            cosines[i, [place[text] for text in own if text in place]] = -1.0
        cosines.partition(cosines.shape[1] - NEAREST, axis=1)
        nearness[start : start + _ROWS] = cosines[:, -NEAREST:].mean(axis=1)
    return nearness


def known_bank(model_dir: Path, encoder: Encoder) -> RequestBank | None:
    """Return the typical requests that a model comes with; None if it names too few.

    Args:
        model_dir: where the model was loaded from.
        encoder: of that model; encodes them, where they are texts.

    Raises:
        RetrievalError: they are of another model, or damaged.
        ModelError: the model's own description cannot be read.
    """
    if (model_dir / REQUESTS).is_file():
        bank = RequestBank.load(model_dir / REQUESTS)
        if bank.vectors.shape[1] != encoder.dimension:
            raise RetrievalError(
                f"{REQUESTS} of the model {encoder.name!r} has {bank.vectors.shape[1]} dimensions, "
                f"the model {encoder.dimension}; delete the file or take the model again"
            )
        return bank
    texts = choose_requests(read_info(model_dir).get("requests", ()))
    return RequestBank.of(texts, encoder.encode_text) if texts else None


def choose_requests(known: Sequence[str]) -> list[str]:
    """Return the typical requests to use of those that a model names; none if there are too few."""
    distinct = sorted({text.strip() for text in known} - {""})
    if len(distinct) < LEAST_REQUESTS:
        return []
    chosen = random.Random(0)  # noqa: S311 - a sample
    return chosen.sample(distinct, min(MOST_REQUESTS, len(distinct)))


def _directions(texts: Sequence[str], vectors: Vectors) -> dict[str, Vectors]:
    """Return for each phrase the mean of what holds it less the mean of the rest, normalised."""
    holders: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        words = stems(text)
        pairs = [" ".join(pair) for pair in pairwise(words)]
        for phrase in sorted({*words, *pairs}):
            holders.setdefault(phrase, []).append(row)
    counts = Counter({phrase: len(rows) for phrase, rows in holders.items()})
    total = vectors.sum(axis=0)
    found: dict[str, Vectors] = {}
    for phrase, count in counts.most_common(MOST_PHRASES):
        if not LEAST_EXAMPLES <= count < len(texts):
            continue
        own = vectors[holders[phrase]].sum(axis=0)
        difference = own / count - (total - own) / (len(texts) - count)
        length = float(np.linalg.norm(difference))
        if length > 1e-6:
            found[phrase] = np.asarray(difference / length, np.float32)
    return found


def _steps_of(vectors: Vectors) -> npt.NDArray[np.int8]:
    """Return unit vectors as whole steps, each of its own size: a quarter of the room."""
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=1e-12)
    return np.asarray(np.round(vectors * (_STEPS / largest)), np.int8)


def _of_steps(steps: npt.NDArray[np.generic]) -> Vectors:
    return unit(np.asarray(steps, np.float32))


def _in_steps(vectors: Vectors) -> Vectors:
    """Return vectors as they come back from a file, so that what is measured belongs to them."""
    return _of_steps(_steps_of(vectors))


def _read(path: Path, *names: str) -> dict[str, npt.NDArray[np.generic]]:
    try:
        # NumPy leaves a damaged file open that it was to open itself.
        with path.open("rb") as file, zipfile.ZipFile(file) as parts:
            return {
                name: np.lib.format.read_array(parts.open(f"{name}.npy"), allow_pickle=False)
                for name in names
            }
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RetrievalError(f"{path.name} cannot be read ({error}); index again") from None
