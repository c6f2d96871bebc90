"""A gallery whose pictures lie in a bucket of a real S3 server: indexed, searched, shown."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from bot.commands.index import index_images
from bot.live import thumbnails
from embedding.data import remote
from embedding.errors import PicturesUnavailable
from retrieval.bundle.catalog import BundleCatalog
from tests.fixtures.server import RunningServer

NAMES = ("red square.png", "sub/blue circle.png", "sub/green star.jpg")


def silent(done: int, total: int, what: str) -> None:
    """Take progress and say nothing."""


@pytest.fixture
def index(s3: Any, shapes_model_dir: Path, tmp_path: Path) -> Callable[[], Any]:
    """Index a bucket of three pictures, as `showtell index s3://gallery/album` does."""
    s3.mkdir("gallery")
    for number, name in enumerate(NAMES):
        picture, file = Image.new("RGB", (400, 300), (number * 90, 40, 7)), io.BytesIO()
        picture.save(file, "PNG" if name.endswith("png") else "JPEG")
        s3.pipe(f"gallery/album/{name}", file.getvalue())
    s3.pipe("gallery/album/broken.png", b"no picture")
    catalog = BundleCatalog(tmp_path / "bundles")
    arguments = (None, str(shapes_model_dir), catalog, tmp_path / "cache")
    yield lambda: index_images("s3://gallery/album", *arguments, progress=silent)
    s3.rm("gallery", recursive=True)


def test_a_bucket_is_indexed_and_its_pictures_are_shown(
    index: Callable[[], Any], s3: Any, start_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    report = index()
    assert (report.count, [one.what for one in report.skipped]) == (3, ["broken.png"])
    assert index().reused == 3
    server = start_server(tmp_path / "bundles")
    with httpx.Client(base_url=server.url, timeout=60) as client:
        form = {"sender": "anna", "text": "a red square"}
        replies = client.post("/api/messages", data=form).json()["replies"]
        shown = {one["caption"]: one["id"] for reply in replies for one in reply.get("images", ())}
        assert {*shown} >= {"red square", "sub blue circle", "sub green star"}
        original = client.get(f"/images/{shown['red square']}")
        assert original.content == s3.cat_file("gallery/album/red square.png")
        assert original.headers["content-type"] == "image/png"
        small = client.get(f"/images/{shown['sub blue circle']}", params={"size": 160})
        assert Image.open(io.BytesIO(small.content)).size == (160, 120)
        # What is here by now is shown without the bucket; another picture in the place of one that
        # was indexed is not.
        s3.pipe("gallery/album/red square.png", b"changed")
        s3.pipe("gallery/album/sub/green star.jpg", b"changed")
        assert client.get(f"/images/{shown['red square']}").status_code == 200
        assert client.get(f"/images/{shown['sub green star']}").status_code == 404


def test_a_store_that_does_not_answer_costs_pictures_a_moment_and_turns_nothing(
    index: Callable[[], Any], start_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    index()
    server = start_server(tmp_path / "bundles", images="http://127.0.0.1:9/album")
    with httpx.Client(base_url=server.url, timeout=60) as client:
        form = {"sender": "bea", "text": "a green star"}
        replies = client.post("/api/messages", data=form).json()["replies"]
        (star,) = (
            one["id"]
            for reply in replies
            for one in reply.get("images", ())
            if one["caption"] == "sub green star"
        )
        for query in ("", "?size=320"):
            answer = client.get(f"/images/{star}{query}")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert "cannot be fetched" in answer.json()["detail"]


def id_of(client: httpx.Client, caption: str) -> str:
    """Return the id of a picture that is asked for by its caption."""
    form = {"sender": "cleo", "text": caption}
    replies = client.post("/api/messages", data=form).json()["replies"]
    shown = {one["caption"]: one["id"] for reply in replies for one in reply.get("images", ())}
    return str(shown[caption])


def test_what_one_server_made_small_is_what_another_shows(
    index: Callable[[], Any],
    s3: Any,
    start_server: Callable[..., RunningServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index()
    monkeypatch.setattr(thumbnails, "_PATIENCE_S", 60.0)
    places = [
        start_server(
            tmp_path / "bundles", data_dir=tmp_path / name, thumbnails="s3://gallery/small"
        )
        for name in ("one", "two")
    ]
    with httpx.Client(base_url=places[0].url, timeout=60) as client:
        blue = id_of(client, "sub blue circle")
        made = client.get(f"/images/{blue}", params={"size": 160}).content
        (kept,) = s3.glob("gallery/small/*/*")
        assert kept.split("/")[-1].startswith(blue)
        assert s3.cat_file(kept) == made
    s3.rm("gallery/album", recursive=True)
    with httpx.Client(base_url=places[1].url, timeout=60) as client:
        assert client.get(f"/images/{blue}", params={"size": 160}).content == made
        assert not (tmp_path / "two" / "originals").exists()
        # What is kept there and is no thumbnail is not shown, here for want of an original.
        s3.pipe(kept.replace("-160", "-320"), b"something else")
        assert client.get(f"/images/{blue}", params={"size": 320}).status_code == 404


@pytest.mark.parametrize("what", ["_fetch", "_write"])
def test_a_place_of_thumbnails_that_fails_costs_a_moment_once(
    what: str,
    index: Callable[[], Any],
    start_server: Callable[..., RunningServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    index()
    asked = []

    def away(place: remote.RemoteFile, *_: object) -> None:
        asked.append(place)
        if what == "_write":
            raise FileNotFoundError(f"{place} may not be written")
        raise PicturesUnavailable(f"{place} does not answer")

    own = {"data_dir": tmp_path / "data", "thumbnails": "s3://gallery/small"}
    server = start_server(tmp_path / "bundles", **own)
    monkeypatch.setattr(thumbnails, what, away)
    monkeypatch.setattr(thumbnails, "_PATIENCE_S", 60.0)
    with httpx.Client(base_url=server.url, timeout=60) as client:
        blue = id_of(client, "sub blue circle")
        for size in (160, 320, 640):
            answer = client.get(f"/images/{blue}", params={"size": size})
            assert answer.headers["content-type"] == "image/webp"
    assert len(asked) == 1
    assert "thumbnails cannot be shared now: s3://gallery/small/" in caplog.text


def test_an_indexing_ends_where_the_store_goes_away_and_publishes_nothing(
    index: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = index().version
    monkeypatch.setattr(remote, "_PAUSE_S", 0.0)
    monkeypatch.setattr(remote, "_READING_S", 1e-6)
    with pytest.raises(PicturesUnavailable, match=r"s3://gallery/album/.* does not answer"):
        index()
    assert BundleCatalog(tmp_path / "bundles").current() == live
