"""The second stage: the first few that the joint model finds are re-ranked.

What it does not find among its first candidates stays where it was, so recall@k beyond the number
of candidates cannot change.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.rerank.config import RerankConfig
from benchmarks.rerank.grids import Grids, GridSource, extract_grids
from benchmarks.rerank.model import Captions, Pictures, Reranker
from embedding.data.pairs import Pairs
from embedding.errors import DataError
from embedding.evaluation.recall import Embedded, Metrics, image_ranks, metrics_of_ranks, text_ranks
from embedding.model.vectors import Vectors
from embedding.progress import Progress, silent

__all__ = [
    "Candidates",
    "Reranked",
    "best_weight",
    "find_candidates",
    "grids_of",
    "rerank",
    "score_candidates",
]

_WEIGHTS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 4.0)
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Candidates:
    """The joint model's first pictures of each caption, and captions of each picture.

    Attributes:
        owners: (c,) the picture of each caption.
        images: (c, k) pictures of each caption, best first.
        image_cosines: (c, k) theirs.
        text_ranks: (c,) the rank of each caption's own picture in the whole gallery.
        asked: (m,) the pictures that have captions.
        captions: (m, k) captions of each of these pictures, best first.
        caption_cosines: (m, k) theirs.
        image_ranks: (m,) the rank of the best own caption.
    """

    owners: NDArray[np.int64]
    images: NDArray[np.int64]
    image_cosines: Vectors
    text_ranks: NDArray[np.int64]
    asked: NDArray[np.int64]
    captions: NDArray[np.int64]
    caption_cosines: Vectors
    image_ranks: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Reranked:
    """What a second stage gives.

    Attributes:
        metrics: recall and median rank with it, with 95 % bootstrap intervals.
        candidates: how many were re-ranked.
        milliseconds: what re-ranking one caption's candidates takes.
    """

    metrics: Metrics
    candidates: int
    milliseconds: float


def grids_of(
    pairs: Pairs,
    config: RerankConfig,
    *,
    cache_dir: Path | None = None,
    progress: Progress = silent,
) -> Grids:
    """Return the grids of a data set, one for each picture; a context manager.

    Raises:
        DataError: the data are features without pictures, or a picture cannot be read.
    """
    grids = extract_grids(
        pairs,
        config.network_names,
        config.image_size,
        config.side,
        cache_dir=cache_dir,
        progress=progress,
    )
    if grids.skipped:
        grids.close()
        first = grids.skipped[0]
        raise DataError(
            f"{len(grids.skipped)} pictures of {pairs.name} can no longer be read, "
            f"{first.what} first ({first.why}); run the command again"
        )
    return grids


def rerank(
    reranker: Reranker, embedded: Embedded, grids: GridSource, *, k: int | None = None
) -> Reranked:
    """Return the recall of a joint model whose first ``k`` are re-ranked.

    Args:
        reranker: the second stage, with its weight.
        embedded: the data set in the joint space.
        grids: of its pictures.
        k: how many; None means as many as it was judged with.

    Raises:
        ModelError: the grids are of other networks than it was trained on.
    """
    k = k or reranker.config.candidates
    candidates = find_candidates(embedded, k)
    captions = reranker.read_all(embedded.pairs.captions)
    pictures = reranker.look_all(grids)
    started = time.perf_counter()
    of_texts, of_images = score_candidates(reranker, captions, pictures, candidates)
    queries = len(candidates.images) + len(candidates.captions)
    taken = 1000 * (time.perf_counter() - started) / queries
    metrics = _metrics(candidates, of_texts, of_images, reranker.weight, len(grids), intervals=True)
    return Reranked(metrics, candidates.images.shape[1], round(taken, 2))


def find_candidates(embedded: Embedded, k: int) -> Candidates:
    """Return the first ``k`` of either direction by cosine, or all where there are fewer."""
    owners = embedded.pairs.caption_to_image
    asked = np.unique(owners)
    images, image_cosines = _first(embedded.texts, embedded.images, k)
    captions, caption_cosines = _first(embedded.images[asked], embedded.texts, k)
    return Candidates(
        owners,
        images,
        image_cosines,
        text_ranks(embedded.texts, embedded.images, owners),
        asked,
        captions,
        caption_cosines,
        image_ranks(embedded.texts, embedded.images, owners),
    )


def score_candidates(
    reranker: Reranker, captions: Captions, pictures: Pictures, candidates: Candidates
) -> tuple[Vectors, Vectors]:
    """Return the re-ranker's scores of the candidates: (c, k) of captions, (m, k) of pictures."""
    with torch.inference_mode():
        of_texts = [
            reranker.score(captions.take(np.array([i])), pictures.take(row))[0]
            for i, row in enumerate(candidates.images)
        ]
        of_images = [
            reranker.score(captions.take(row), pictures.take(np.array([i])))[:, 0]
            for i, row in zip(candidates.asked, candidates.captions, strict=True)
        ]
    return torch.stack(of_texts).numpy(), torch.stack(of_images).numpy()


def best_weight(
    candidates: Candidates, of_texts: Vectors, of_images: Vectors, images: int
) -> tuple[float, Metrics]:
    """Return the weight beside the cosine with which pictures are found best, and the recall."""

    def quality(tried: tuple[float, Metrics]) -> float:
        way = tried[1]["text_to_image"]
        return way["r1"] + way["r5"] + way["r10"]

    tries = [
        (weight, _metrics(candidates, of_texts, of_images, weight, images)) for weight in _WEIGHTS
    ]
    return max(tries, key=quality)


def _metrics(
    candidates: Candidates,
    of_texts: Vectors,
    of_images: Vectors,
    weight: float,
    images: int,
    *,
    intervals: bool = False,
) -> Metrics:
    texts = _ranks_anew(
        candidates.image_cosines + weight * of_texts,
        candidates.images == candidates.owners[:, None],
        candidates.text_ranks,
    )
    pictures = _ranks_anew(
        candidates.caption_cosines + weight * of_images,
        candidates.owners[candidates.captions] == candidates.asked[:, None],
        candidates.image_ranks,
    )
    return metrics_of_ranks(texts, pictures, candidates.owners, images, intervals=intervals)


def _ranks_anew(
    scores: Vectors, is_own: NDArray[np.bool_], before: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the rank of the best own candidate, ties counted against it.

    Where none is among the candidates, or only by the luck of a tie, the rank stays.
    """
    best = np.where(is_own, scores, -np.inf).max(axis=1, keepdims=True)
    ranks: NDArray[np.int64] = ((scores >= best) & ~is_own).sum(axis=1) + 1
    return np.where(is_own.any(axis=1) & (before <= scores.shape[1]), ranks, before)


def _first(queries: Vectors, gallery: Vectors, k: int) -> tuple[NDArray[np.int64], Vectors]:
    """Return the positions and cosines of the first ``k``, (q, k) each, best first."""
    k = min(k, len(gallery))
    positions = np.empty((len(queries), k), dtype=np.int64)
    cosines = np.empty((len(queries), k), dtype=np.float32)
    for start in range(0, len(queries), _BLOCK):
        rows = slice(start, start + _BLOCK)
        scores = queries[rows] @ gallery.T
        positions[rows] = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        cosines[rows] = np.take_along_axis(scores, positions[rows], axis=1)
    return positions, cosines
