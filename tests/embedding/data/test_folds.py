"""Folds and splits: every image in one place, with all its captions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedding.data.folds import SPLITS, folds, split_by_hash, split_name
from embedding.data.pairs import Pairs
from embedding.errors import DataError


@given(st.integers(2, 60), st.data())
@settings(max_examples=60, deadline=None)
def test_folds_never_share_an_image(n_images: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(2, n_images))
    owners = data.draw(st.lists(st.integers(0, n_images - 1), min_size=1, max_size=150))
    pairs = Pairs(
        name="drawn",
        image_ids=[f"image-{i}" for i in range(n_images)],
        captions=[f"caption {i}" for i in range(len(owners))],
        caption_to_image=np.array(owners),
    )
    held_out_once: list[str] = []
    sizes = []
    for learned, held_out in folds(n_images, k, seed=data.draw(st.integers(0, 9))):
        train, dev = pairs.subset(learned), pairs.subset(held_out)
        assert not set(train.image_ids) & set(dev.image_ids)
        # Captions go with their image, so none is on both sides, and none is lost.
        assert sorted(train.captions + dev.captions) == sorted(pairs.captions)
        for part in (train, dev):
            for caption, image in zip(part.captions, part.caption_to_image, strict=True):
                original = pairs.captions.index(caption)
                assert part.image_ids[image] == f"image-{owners[original]}"
        held_out_once += dev.image_ids
        sizes.append(len(held_out))
    assert sorted(held_out_once) == sorted(pairs.image_ids)
    assert max(sizes) - min(sizes) <= 1


def test_the_seed_decides_the_folds() -> None:
    def first(seed: int) -> list[int]:
        return next(folds(50, 5, seed=seed))[1].tolist()

    assert first(1) == first(1)
    assert first(1) != first(2)


@pytest.mark.parametrize("k", [0, 1, 4])
def test_impossible_numbers_of_folds_are_refused(k: int) -> None:
    with pytest.raises(DataError, match=f"{k} folds of 3 images"):
        next(folds(3, k))


def test_splits_are_a_partition_that_new_images_do_not_change() -> None:
    ids = [f"{i}.jpg" for i in range(2000)]
    parts = {name: split_by_hash(ids, name) for name in SPLITS}
    assert sorted(i for part in parts.values() for i in part) == list(range(2000))
    assert 1500 < len(parts["train"]) < 1700
    assert split_by_hash(ids[:500], "dev") == [i for i in parts["dev"] if i < 500]
    assert split_by_hash(ids, "val") == parts["dev"]


def test_wrong_splits_are_named() -> None:
    with pytest.raises(DataError, match="'holdout'"):
        split_name("holdout")
    with pytest.raises(DataError, match="sum to 1"):
        split_by_hash(["a"], "train", (0.5, 0.1, 0.1))
