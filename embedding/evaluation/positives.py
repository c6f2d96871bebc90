"""Further right answers: pictures that fit a caption beside the one that it was written for.

In COCO a caption belongs to one picture, though others of the 5,000 fit it as well; finding those
counts as a mistake. ECCV Caption and CxC list them, for some of the captions and pictures of the
test split. Where there are several right answers, their whole ranking is judged.

Source: Chun, Kim, Park, Chang, Oh (2022), "ECCV Caption: correcting false negatives by collecting
machine-and-human-verified image-caption associations for MS-COCO"; mAP@R is that of Musgrave,
Belongie, Lim (2020), "A metric learning reality check".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from embedding.data.pairs import Pairs
from embedding.errors import DataError
from embedding.evaluation.intervals import Interval
from embedding.evaluation.recall import Embedded
from embedding.model.vectors import Vectors

__all__ = ["Judged", "Judgement", "Positives", "judge", "read_positives"]

Indices = NDArray[np.int64]
_RESAMPLES = 1000


class Judgement(TypedDict):
    """One direction, in percent, each figure with its 95 % bootstrap interval over queries.

    ``r1``: the first answer is right. ``r_precision``: so many of the first R are, where R are
    right in all. ``map_at_r``: the mean of the precision at each right one among the first R.
    """

    r1: float
    r_precision: float
    map_at_r: float
    queries: int
    intervals: dict[str, Interval]


class Judged(TypedDict):
    """Both directions."""

    text_to_image: Judgement
    image_to_text: Judgement


@dataclass(frozen=True, eq=False)
class Positives:
    """What fits, for those captions and pictures of which it is known.

    Attributes:
        images: for a caption all pictures that fit it.
        captions: for a picture all captions that fit it.
    """

    images: Mapping[int, Indices]
    captions: Mapping[int, Indices]


def read_positives(prefix: Path, listing: Path, pairs: Pairs) -> Positives:
    """Return the further positives of a data set.

    Args:
        prefix: ``eccv_caption/data/eccv`` stands for ``eccv_caption_to_image.json`` and
            ``eccv_image_to_caption.json`` there: COCO's numbers of queries, each with those of
            what fits.
        listing: the JSON of Karpathy's split, which has the same numbers as ``cocoid`` and
            ``sentid``.
        pairs: read from it. What is not among them is left out.

    Raises:
        DataError: a file cannot be read or has another form, or none of its queries is here.
    """
    images, captions = _numbers(listing, pairs)
    return Positives(
        _translated(prefix, "caption_to_image", captions, images, pairs),
        _translated(prefix, "image_to_caption", images, captions, pairs),
    )


def judge(embedded: Embedded, positives: Positives) -> Judged:
    """Return how well what fits is found in the whole gallery, ties counted against us."""
    return {
        "text_to_image": _judge(embedded.texts, embedded.images, positives.images),
        "image_to_text": _judge(embedded.images, embedded.texts, positives.captions),
    }


def _judge(queries: Vectors, gallery: Vectors, positives: Mapping[int, Indices]) -> Judgement:
    figures = np.array(
        [_of_query(queries[query] @ gallery.T, right) for query, right in positives.items()]
    )
    n = len(figures)
    draws = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=_RESAMPLES)
    low, high = np.percentile(100 * draws @ figures / n, (2.5, 97.5), axis=0)
    r1, r_precision, map_at_r = (round(100 * float(mean), 2) for mean in figures.mean(axis=0))
    names = ("r1", "r_precision", "map_at_r")
    ends = zip(low.tolist(), high.tolist(), strict=True)
    return {
        "r1": r1,
        "r_precision": r_precision,
        "map_at_r": map_at_r,
        "queries": n,
        "intervals": {
            name: (round(first, 2), round(last, 2))
            for name, (first, last) in zip(names, ends, strict=True)
        },
    }


def _of_query(scores: Vectors, right: Indices) -> tuple[float, float, float]:
    """Return whether the first is right, R-precision and average precision at R of one query."""
    is_right = np.zeros(len(scores), dtype=bool)
    is_right[right] = True
    # Only the first have to be sorted, and what ties with the last of them.
    first = np.flatnonzero(scores >= np.partition(scores, -len(right))[-len(right)])
    hits = is_right[first[np.lexsort((is_right[first], -scores[first]))[: len(right)]]]
    precisions = hits.cumsum() / np.arange(1, len(right) + 1)
    return float(hits[0]), float(hits.mean()), float((precisions * hits).mean())


def _numbers(listing: Path, pairs: Pairs) -> tuple[dict[int, int], dict[int, int]]:
    """Return the picture of each of COCO's numbers of pictures, and the caption of each of its."""
    place = {name: image for image, name in enumerate(pairs.image_ids)}
    owners = zip(pairs.caption_to_image.tolist(), pairs.captions, strict=True)
    caption_of = {key: caption for caption, key in enumerate(owners)}
    images: dict[int, int] = {}
    captions: dict[int, int] = {}
    try:
        for record in json.loads(listing.read_text(encoding="utf-8"))["images"]:
            image = place.get(str(Path(record.get("filepath", "")) / record["filename"]))
            if image is None:
                continue
            images[int(record["cocoid"])] = image
            for sentence in record["sentences"]:
                caption = caption_of.get((image, " ".join((sentence["raw"] or "").split())))
                if caption is not None:
                    captions[int(sentence["sentid"])] = caption
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{listing} does not number its pictures and captions ({error!r}); further positives "
            "go with Karpathy's dataset_coco.json, which has cocoid and sentid"
        ) from error
    return images, captions


def _translated(
    prefix: Path,
    direction: str,
    queries: Mapping[int, int],
    answers: Mapping[int, int],
    pairs: Pairs,
) -> dict[int, Indices]:
    """Return what fits each query, both as indices."""
    file = prefix.with_name(f"{prefix.name}_{direction}.json")
    try:
        listed: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        found = {
            queries[int(query)]: np.unique([answers[int(i)] for i in right if int(i) in answers])
            for query, right in listed.items()
            if int(query) in queries
        }
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{file} lists no further positives ({error!r}); it must be a table of numbers, each "
            'with a list of numbers, as the files of ECCV Caption: {"552666": [445512, 68120]}'
        ) from error
    found = {query: right for query, right in found.items() if len(right)}
    if not found:
        raise DataError(
            f"none of the {len(listed)} queries of {file} is in {pairs.name}; it is about "
            "another split"
        )
    return found
