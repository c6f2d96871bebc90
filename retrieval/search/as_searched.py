"""Recall as the search ranks: how near a picture is to any request is taken off its score.

`vision.VisionRanking` does the same for what people ask; here it is for `showtell evaluate` and
for the training of a second stage, over a whole data set at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from retrieval.search.query_bank import RequestBank, measure_nearness
from retrieval.search.vision import NEARNESS_WEIGHT

if TYPE_CHECKING:
    from embedding.evaluation.recall import Embedded

__all__ = ["hubness_corrected"]


def hubness_corrected(embedded: Embedded, bank: RequestBank) -> Embedded:
    """Return a data set whose inner products are the scores that the search ranks pictures by.

    Each vector has one number more: 1 for a text, and for a picture what is taken off. So nothing
    that ranks by inner products needs to know of it, and the captions of one picture keep their
    order. What is taken off comes from the typical requests alone, never from the captions that
    are asked with.

    Args:
        embedded: in the joint space.
        bank: typical requests of the same model.
    """
    captions = embedded.pairs.captions_by_image()
    nearness = measure_nearness(bank, embedded.images, captions)
    ones = np.ones((len(embedded.texts), 1), np.float32)
    taken_off = -NEARNESS_WEIGHT * nearness[:, None]
    return replace(
        embedded,
        texts=np.concatenate([embedded.texts, ones], axis=1),
        images=np.concatenate([embedded.images, taken_off], axis=1),
    )
