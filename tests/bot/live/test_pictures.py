"""Pictures whose files are gone are left out of answers, and others come in their place."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from bot.live.bundle import LiveBundle
from bot.live.pictures import ShownPictures
from retrieval.bundle.bundle import Bundle
from retrieval.bundle.catalog import BundleCatalog
from retrieval.search.query import Query


@pytest.fixture
def moved(shapes_bundles, shapes_dir, tmp_path):
    """The pictures in a folder of their own, and their store."""
    root = Path(shutil.copytree(shapes_dir, tmp_path / "root"))
    with Bundle.open(shapes_bundles, verify=False, root=root) as bundle:
        yield root, bundle.store


def test_others_come_in_the_place_of_pictures_that_are_gone(shapes_bundles, shapes_dir, tmp_path):
    root = Path(shutil.copytree(shapes_dir, tmp_path / "root"))
    left_out = []

    async def search():
        live = LiveBundle(
            BundleCatalog(shapes_bundles), images=root, on_missing=lambda: left_out.append(1)
        )
        await live.start()
        try:
            with live.lease() as serving:
                before = await serving.search(Query(texts=("a red star",)), 5)
                for hit in before.hits[:2]:
                    (root / hit.picture.path).unlink()
                after = await serving.search(Query(texts=("a red star",)), 5)
                assert await serving.find(before.hits[0].image_id) is None
                assert await serving.find(before.hits[2].image_id) is not None
                return before, after
        finally:
            await live.stop()

    before, after = asyncio.run(search())
    ids = [hit.image_id for hit in after.hits]
    assert len(ids) == 5
    assert not {hit.image_id for hit in before.hits[:2]} & {*ids}
    twin = after.hits[0].picture  # of the first one, which had kept it out
    assert twin.metadata == before.hits[0].picture.metadata
    assert len(left_out) == 3  # two in the first look, one asked for by its id


def test_a_damaged_picture_comes_back_when_its_file_is_mended(moved):
    root, store = moved
    (picture,) = store.pictures([0])
    shown, path = ShownPictures(store), root / picture.path
    assert shown.can_show(picture.image_id)
    shown.mark_damaged(picture.image_id, path)
    assert not shown.can_show(picture.image_id)
    os.utime(path, ns=(1, 1))
    assert shown.can_show(picture.image_id)


def test_a_missing_picture_is_logged_once_and_counted_each_time(moved, caplog):
    root, store = moved
    (picture,) = store.pictures([0])
    (root / picture.path).unlink()
    counted = []
    shown = ShownPictures(store, lambda: counted.append(1))
    assert not shown.can_show(picture.image_id)
    assert not shown.can_show(picture.image_id)
    assert not shown.can_show("f" * 16)
    assert len(counted) == 3
    assert caplog.text.count("left out") == 2
