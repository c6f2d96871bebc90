"""Journey 4: train on real photographs, index them, serve them, and chat."""

import json
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import run_showtell

# With those of dev more than 300, so that training looks at them in ONNX Runtime.
TRAIN_IMAGES = 220
DEV_IMAGES = 100
# Small enough for CI, large enough to tell learning from chance: among 100 images chance is 10 %.
LEAST_R10 = 30.0

pytestmark = pytest.mark.photos


@pytest.fixture(scope="module")
def few_photos(flickr8k: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Flickr8k of a few hundred photographs: the same files, shorter lists."""
    folder = tmp_path_factory.mktemp("photos") / "flickr8k"
    (folder / "images").mkdir(parents=True)
    kept = set()
    for split, count in (("train", TRAIN_IMAGES), ("dev", DEV_IMAGES)):
        name = f"Flickr_8k.{split}Images.txt"
        names = (flickr8k / name).read_text().split()[:count]
        (folder / name).write_text("\n".join(names) + "\n")
        kept.update(names)
    for name in kept:
        shutil.copy(flickr8k / "images" / name, folder / "images" / name)
    rows = (flickr8k / "Flickr8k.token.txt").read_text().splitlines(keepends=True)
    wanted = [row for row in rows if row.split("#", 1)[0] in kept]
    (folder / "Flickr8k.token.txt").write_text("".join(wanted))
    return folder


@pytest.mark.timeout(900)
def test_train_index_serve_chat(
    few_photos: Path,
    data_dir: Path,
    tmp_path: Path,
    serve: Callable[..., AbstractContextManager[str]],
) -> None:
    data = f"flickr8k:{few_photos}"
    run, bundles, figures = tmp_path / "run", tmp_path / "bundles", tmp_path / "dev.json"

    run_showtell("train", "--data", data, "--out", run, data_dir=data_dir)
    run_showtell(
        "evaluate", run, "--data", data, "--split", "dev", "--json", figures, data_dir=data_dir
    )
    dev = json.loads(figures.read_text())
    assert dev["images"] == DEV_IMAGES
    assert dev["captions"] == 5 * DEV_IMAGES
    assert dev["text_to_image"]["r10"] >= LEAST_R10

    photos = few_photos / "images"
    run_showtell("index", photos, "--model", run, "--bundles", bundles, data_dir=data_dir)
    found = run_showtell(
        "search",
        "two dogs playing in the snow",
        "--bundles",
        bundles,
        "-k",
        "3",
        "--json",
        data_dir=data_dir,
    )
    assert len(json.loads(found.stdout)["hits"]) == 3

    with serve("serve", "--bundles", bundles, data_dir=data_dir) as url:
        answer = httpx.post(
            f"{url}/api/messages",
            files={"sender": (None, "e2e"), "text": (None, "two dogs playing in the snow")},
            timeout=60,
        ).json()
        images = [image for reply in answer["replies"] for image in reply.get("images", [])]
        assert images
        picture = httpx.get(url + images[0]["url"])
        assert picture.headers["content-type"] == "image/jpeg"
