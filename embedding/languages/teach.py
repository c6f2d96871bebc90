"""Teaching a head: texts in whatever language, and what a model makes of the same in English.

The teacher is the model's own text encoder. From a sentence that is known in several languages the
student learns to give the teacher's vector of the English one for each.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from embedding.errors import TrainingError
from embedding.languages.e5 import E5
from embedding.languages.head import Head
from embedding.model.vectors import Vectors
from embedding.progress import Progress, silent

__all__ = ["teach"]

Tokens = NDArray[np.float16]
"""Vectors (t, width) of the tokens of one text."""

_BATCH = 128
_READ_AT_ONCE = 32
_PEAK_RATE = 3e-3
_WEIGHT_DECAY = 1e-4
_DROPOUT = 0.15
# Texts of nearly the same length share a batch, but not always the same ones.
_JITTER_TOKENS = 6


def teach(
    e5: E5,
    texts: Sequence[str],
    targets: Vectors,
    *,
    hidden: int = 512,
    passes: int = 10,
    seed: int = 0,
    progress: Progress = silent,
) -> Head:
    """Return a head that gives the targets for the texts, as nearly as it can.

    Args:
        e5: reads the texts.
        texts: in any language; one may come twice.
        targets: (n, dimension) unit vectors that the teacher gives for what they mean.
        hidden: width of the layer between.
        passes: over all texts.
        seed: decides initial weights and order.
        progress: told about texts read, then about passes.

    Raises:
        TrainingError: there is not one target for each text.
    """
    if len(texts) != len(targets) or not texts:
        raise TrainingError(
            f"{len(texts)} texts have {len(targets)} targets; give at least one text, and one "
            "target for each"
        )
    tokens = _read(e5, texts, progress)
    rows = np.concatenate(tokens).astype(np.float32)
    mean, spread = torch.from_numpy(rows.mean(axis=0)), torch.from_numpy(rows.std(axis=0) + 1e-3)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        student = _Student(rows.shape[1], hidden, targets.shape[1], mean, spread)
        _fit(student, tokens, torch.from_numpy(targets), passes, seed, progress)
    return student.head()


class _Student(nn.Module):
    """A head while it learns: tokens are normalised before the first layer."""

    def __init__(
        self, width: int, hidden: int, dimension: int, mean: Tensor, spread: Tensor
    ) -> None:
        super().__init__()
        self._mean, self._spread = mean, spread
        self._inner, self._outer = nn.Linear(width, hidden), nn.Linear(hidden, dimension)
        self._dropout = nn.Dropout(_DROPOUT)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Return unit vectors (n, dimension) for tokens (n, t, width), `mask` (n, t, 1) of them."""
        hidden = torch.relu(self._inner((tokens - self._mean) / self._spread))
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        return functional.normalize(self._outer(self._dropout(mean)))

    def head(self) -> Head:
        """Return what was learned, for tokens as they come."""
        with torch.no_grad():
            inner = self._inner.weight.T / self._spread[:, None]
            return Head(
                inner=inner.numpy(),
                inner_bias=(self._inner.bias - self._mean @ inner).numpy(),
                outer=self._outer.weight.T.numpy(),
                outer_bias=self._outer.bias.numpy(),
            )


def _read(e5: E5, texts: Sequence[str], progress: Progress) -> list[Tokens]:
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    found: dict[int, Tokens] = {}
    for start in range(0, len(order), _READ_AT_ONCE):
        rows = order[start : start + _READ_AT_ONCE]
        tokens, mask = e5.read([texts[i] for i in rows])
        found |= {i: t[m].astype(np.float16) for i, t, m in zip(rows, tokens, mask, strict=True)}
        progress(len(found), len(texts), "reading sentences")
    return [found[i] for i in range(len(texts))]


def _fit(
    student: _Student,
    tokens: Sequence[Tokens],
    targets: Tensor,
    passes: int,
    seed: int,
    progress: Progress,
) -> None:
    optimizer = torch.optim.AdamW(student.parameters(), weight_decay=_WEIGHT_DECAY)
    steps = passes * -(-len(tokens) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _PEAK_RATE, total_steps=steps)
    rng = np.random.default_rng(seed)
    for done in range(passes):
        for rows in _batches(tokens, rng):
            cosines = student(*_padded([tokens[i] for i in rows])) * targets[rows]
            loss = 1 - cosines.sum(dim=1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        progress(done + 1, passes, "teaching")
    student.eval()


def _batches(tokens: Sequence[Tokens], rng: np.random.Generator) -> Iterator[list[int]]:
    """Yield rows, each once, in batches of similar length and in any order."""
    lengths = np.array([len(one) for one in tokens])
    order = np.argsort(lengths + _JITTER_TOKENS * rng.random(len(tokens))).tolist()
    starts = rng.permutation(np.arange(0, len(order), _BATCH)).tolist()
    for start in starts:
        yield order[start : start + _BATCH]


def _padded(some: Sequence[Tokens]) -> tuple[Tensor, Tensor]:
    """Return tokens (n, t, width) and which of them are some (n, t, 1)."""
    padded = torch.zeros(len(some), max(map(len, some)), some[0].shape[1])
    mask = torch.zeros(*padded.shape[:2], 1)
    for i, one in enumerate(some):
        padded[i, : len(one)] = torch.from_numpy(one.astype(np.float32))
        mask[i, : len(one)] = 1
    return padded, mask
