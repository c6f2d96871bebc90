"""What the tagger sees of each word: the word, its neighbors, its place, its clause; as numbers.

Features are hashed to columns as scikit-learn's FeatureHasher does it, and what is sparse is
multiplied here: for the few words of a message its import and its checks cost most of the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import mmh3
import numpy as np
import numpy.typing as npt

from bot.wording.text import Normalizer, Word

__all__ = ["UNKNOWN", "WIDTH", "Sparse", "hashed", "softmax", "times", "to_matrix", "word_features"]

Sparse = tuple[npt.NDArray[Any], npt.NDArray[np.float32]]
"""A row that is nearly empty: the columns that hold something, and what."""

WIDTH = 2**15
"""Features are hashed to so many columns: quicker than a vocabulary of them, and as good."""

UNKNOWN = "<content>"
"""Stands for every word that is never a command word: requests are told by what they look like."""

_STRONG_MARKS = frozenset(":.!?;\u2013\u2014-")
_CLAUSE_MARKS = _STRONG_MARKS | frozenset(",(\u2026")
_WINDOW = 3


def word_features(
    words: Sequence[Word], shown: Sequence[str], intent: str, normalizer: Normalizer
) -> list[dict[str, Any]]:
    """Return a row of features for each word.

    Args:
        words: of a text.
        shown: the same as the tagger may know them: UNKNOWN for content.
        intent: of the text.
        normalizer: knows numbers and ratings.
    """
    padded = [*["<s>"] * _WINDOW, *shown, *["</s>"] * _WINDOW]
    content = [i for i, shape in enumerate(shown) if shape == UNKNOWN]
    strong = [word.mark in _STRONG_MARKS and bool(word.mark) for word in words]
    before_mark = [any(strong[: i + 1]) for i in range(len(words))]
    after_mark = [any(strong[i + 1 :]) for i in range(len(words))]
    clauses = _clause_rows(words, shown)
    rows = []
    for i, word in enumerate(words):
        at = i + _WINDOW
        row: dict[str, Any] = {f"w{d}": padded[at + d] for d in range(-_WINDOW, _WINDOW + 1)}
        row["before"] = f"{padded[at - 2]} {padded[at - 1]}"
        row["left"] = f"{padded[at - 1]} {padded[at]}"
        row["right"] = f"{padded[at]} {padded[at + 1]}"
        row["both"] = f"{padded[at - 1]} {padded[at]} {padded[at + 1]}"
        row["after"] = f"{padded[at + 1]} {padded[at + 2]}"
        row["intent"] = intent
        row["intent word"] = f"{intent} {padded[at]}"
        row["content"] = f"{bool(content) and content[0] < i} {padded[at]}"
        row["content after"] = f"{bool(content) and content[-1] > i} {padded[at]}"
        row["place"] = min(i, 5)
        row["place from the end"] = min(len(words) - 1 - i, 5)
        row |= clauses[i]
        row["mark"] = word.mark
        row["mark after"] = words[i + 1].mark if i + 1 < len(words) else ""
        row["sentence"] = f"{before_mark[i]} {after_mark[i]} {padded[at]}"
        row["first words"] = f"{padded[_WINDOW]} {padded[_WINDOW + 1]}"
        row["position"] = normalizer.position(word.text) is not None
        row["rating"] = normalizer.rating(word.text) is not None
        row |= {f"< {shape}": True for shape in shown[:i]}
        row |= {f"> {shape}": True for shape in shown[i + 1 :]}
        rows.append(row)
    return rows


def _clause_rows(words: Sequence[Word], shown: Sequence[str]) -> list[dict[str, Any]]:
    """Return for each word what its clause looks like, the same for all words of a clause.

    "…, if that suits you" is told from content by how it begins, and by having no word that is
    never a command word.
    """
    starts = [
        i for i, word in enumerate(words) if not i or (word.mark in _CLAUSE_MARKS and word.mark)
    ]
    rows: list[dict[str, Any]] = []
    for k, (start, end) in enumerate(zip(starts, [*starts[1:], len(words)], strict=True)):
        clause = shown[start:end]
        place = f"{k == 0} {end == len(words)}"
        unknown = clause.count(UNKNOWN)
        row = {
            "clause place": place,
            "clause begins": f"{place} {clause[0]}",
            "clause begins with two": f"{place} {' '.join(clause[:2])}",
            "clause ends": f"{place} {clause[-1]} {words[end - 1].after}",
            "clause unknown": f"{place} {min(unknown, 3)}",
            "clause share": f"{place} {4 * unknown // len(clause)}",
            "clause length": f"{place} {min(len(clause), 8)}",
            "clause mark": f"{place} {words[start].mark} {words[end - 1].after}",
        }
        rows += [row] * len(clause)
    return rows


def hashed(features: Mapping[str, Any]) -> Sparse:
    """Return a row of features as numbers: a text counts as one feature, a number as its value."""
    counts = [
        (_column(f"{name}={value}"), 1.0) if isinstance(value, str) else (_column(name), value)
        for name, value in features.items()
        if value or isinstance(value, str)
    ]
    columns, values = zip(*counts, strict=True) if counts else ((), ())
    return np.array(columns, np.int64), np.array(values, np.float32)


@lru_cache(maxsize=65_536)
def _column(feature: str) -> int:
    return int(abs(mmh3.hash(feature)) % WIDTH)


def times(row: Sparse, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the product of a row and a matrix (columns, n): (n,)."""
    columns, values = row
    return values @ matrix[columns]


def to_matrix(rows: Sequence[Sparse], width: int) -> Any:
    """Return rows as a sparse matrix (rows, width) of SciPy's, for learning."""
    # Lazily: only who learns needs it.
    from scipy import sparse

    ends = np.cumsum([0, *(len(columns) for columns, _ in rows)])
    columns = np.concatenate([columns for columns, _ in rows])
    values = np.concatenate([values for _, values in rows])
    matrix = sparse.csr_array((values, columns, ends), shape=(len(rows), width))
    matrix.sum_duplicates()
    return matrix


def softmax(margins: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return margins (n, k) as the probabilities (n, k) that they stand for."""
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    shares: npt.NDArray[Any] = powers / powers.sum(axis=1, keepdims=True)
    return shares
