"""Batches: every image once, several captions of it, and the same from whatever step on."""

import numpy as np

from embedding.data.pairs import Pairs
from embedding.training.batches import Batch, Mix, batches, captions_of, split, steps_of
from embedding.training.config import TrainConfig

PAIRS = Pairs(
    "x",
    [f"image-{i}" for i in range(10)],
    [f"caption {i}" for i in range(30)],
    np.array([i % 9 for i in range(29)] + [9]),  # image 9 has one caption, the others three or four
    features=np.zeros((10, 2), np.float32),
)
OWN = captions_of(PAIRS)
CONFIG = TrainConfig(batch_size=8, captions_per_image=2, teacher="x", mixup=1.0)


def test_a_pass_has_every_image_once_with_captions_of_its_own() -> None:
    found = list(batches(OWN, CONFIG, fold=0, epoch=0))
    assert len(found) == steps_of(10, CONFIG) == 3
    assert sorted(np.concatenate([batch.images for batch in found])) == list(range(10))
    for batch in found:
        assert (PAIRS.caption_to_image[batch.captions] == batch.image_ids).all()
        assert len(set(batch.captions)) == len(batch.captions)
        counts = np.bincount(batch.owners)
        assert [n == (1 if i == 9 else 2) for n, i in zip(counts, batch.images, strict=True)]


def arrays_of(batch: Batch) -> list[object]:
    values = vars(batch).values()
    mixes = [vars(value).values() for value in values if isinstance(value, Mix)]
    return [v for v in values if not isinstance(v, Mix)] + [v for mix in mixes for v in mix]


def test_a_pass_begun_in_its_middle_goes_on_alike() -> None:
    whole = list(batches(OWN, CONFIG, fold=1, epoch=3))
    rest = list(batches(OWN, CONFIG, fold=1, epoch=3, first=2))
    assert len(rest) == 1
    for one, again in zip(arrays_of(whole[2]), arrays_of(rest[0]), strict=True):
        assert (np.asarray(one) == np.asarray(again)).all()
    others = [
        batches(OWN, CONFIG.changed(seed=1), 1, 3),
        batches(OWN, CONFIG, 2, 3),
        batches(OWN, CONFIG, 1, 4),
    ]
    seeds = {batch.seed for batch in [*whole, *(b for other in others for b in other)]}
    assert len(seeds) == 12


def test_parts_are_the_whole() -> None:
    batch = next(batches(OWN, CONFIG, 0, 0))
    for chunk, n in ((0, 1), (3, 3), (100, 1), (1, len(batch.images))):
        parts = split(batch, chunk)
        assert len(parts) == n
        assert (np.concatenate([p.captions for p in parts]) == batch.captions).all()
        assert (np.concatenate([p.image_ids for p in parts]) == batch.image_ids).all()
        assert (np.concatenate([p.views for p in parts]) == batch.views).all()
        assert [p.start for p in parts] == np.cumsum([0, *(len(p.captions) for p in parts)])[
            :-1
        ].tolist()
