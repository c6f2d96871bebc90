import asyncio
import io
import os
import re
import shutil
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import ExifTags, Image

from bot.live.originals import Originals
from bot.live.threads import Threads
from bot.live.thumbnails import SIZES, Thumbnails
from embedding.data.decode import NotAnImage, open_image
from retrieval.bundle.bundle import Bundle, Candidate, build_bundle, publish


@pytest.fixture(scope="module")
def gallery_image(shapes_bundles):
    with Bundle.open(shapes_bundles, verify=False) as bundle:
        return bundle.store.pictures([0])[0]


def size_of(source) -> tuple[int, int]:
    with Image.open(source) as picture:
        return picture.size


def test_the_original_is_sent_as_it_is(client, gallery_image, shapes_dir):
    answer = client.get(f"/images/{gallery_image.image_id}")
    assert answer.status_code == 200
    assert answer.content == (shapes_dir / gallery_image.path).read_bytes()
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "max-age" in answer.headers["cache-control"]


@pytest.mark.parametrize("size", SIZES)
def test_a_thumbnail_has_the_size_or_less(client, gallery_image, size):
    answer = client.get(f"/images/{gallery_image.image_id}", params={"size": size})
    assert answer.headers["content-type"] == "image/webp"
    assert max(size_of(io.BytesIO(answer.content))) == min(
        size, 160
    )  # the drawings have 160 pixels: never enlarged


@pytest.mark.parametrize("query", ["", "?size=160"])
def test_a_client_that_has_it_gets_304(client, gallery_image, query):
    url = f"/images/{gallery_image.image_id}{query}"
    first = client.get(url)
    again = client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    weak = client.get(url, headers={"If-None-Match": f'"other", W/{first.headers["etag"]}'})
    assert weak.status_code == 304
    other = client.get(url, headers={"If-None-Match": '"something else"'})
    assert other.status_code == 200


def test_sizes_have_different_etags(client, gallery_image):
    url = f"/images/{gallery_image.image_id}"
    tags = {client.get(f"{url}{query}").headers["etag"] for query in ("", "?size=160", "?size=320")}
    assert len(tags) == 3


def test_head_has_the_headers_only(client, gallery_image):
    answer = client.head(f"/images/{gallery_image.image_id}")
    assert answer.status_code == 200
    assert answer.content == b""
    assert int(answer.headers["content-length"]) > 0


def test_a_part_can_be_asked_for(client, gallery_image):
    answer = client.get(f"/images/{gallery_image.image_id}", headers={"Range": "bytes=0-7"})
    assert answer.status_code == 206
    assert answer.content == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "size", ["1", "0", "-160", "161", "5000", "99999999999999999999", "big", ""]
)
def test_other_sizes_are_refused(client, gallery_image, size):
    answer = client.get(f"/images/{gallery_image.image_id}", params={"size": size})
    assert answer.status_code == 422
    assert answer.json()["detail"].endswith(".")


@pytest.mark.parametrize(
    "image_id",
    [
        "0" * 16,
        "..%2f",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "..%5c..%5cetc",
        "/etc/passwd",
        "http:%2f%2f127.0.0.1:1%2fx.png",
        "file:%2f%2f%2fetc%2fpasswd",
        "gallery.sqlite",
        "' OR 1=1 --",
        "%00",
        "%ff%fe",
        "a" * 5000,
        "0000000000000000.png",
    ],
)
def test_what_is_not_in_the_gallery_is_404(client, image_id):
    answer = client.get(f"/images/{image_id}")
    assert answer.status_code == 404
    assert "passwd" not in answer.text


def test_a_picture_that_left_the_gallery_is_404_and_nothing_outside_is_read(
    start_server, shapes_dir, shapes_model_dir, tmp_path
):
    root = tmp_path / "root"
    root.mkdir()
    names = sorted(path.name for path in shapes_dir.glob("red-*.png"))[:4]
    for name in names:
        (root / name).write_bytes((shapes_dir / name).read_bytes())
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8), "red").save(secret)
    bundles = tmp_path / "b"
    report = build_bundle(
        [Candidate(root / name, ("a shape",), {}) for name in names],
        root=root,
        model_dir=shapes_model_dir,
        bundles=bundles,
    )
    publish(bundles, report.version)
    with Bundle.open(bundles) as bundle:
        by_name = {i.path: i.image_id for i in bundle.store.pictures(range(4))}
    server = start_server(bundles)
    gone, linked, damaged, fine = names
    (root / gone).unlink()
    (root / linked).unlink()
    (root / linked).symlink_to(secret)
    (root / damaged).write_text("<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>")
    for name in (gone, linked, damaged):
        for query in ("", "?size=160"):
            answer = httpx.get(f"{server.url}/images/{by_name[name]}{query}")
            assert answer.status_code == 404, name
            assert answer.headers["content-type"] == "application/json"
            assert str(tmp_path) not in answer.text
    assert httpx.get(f"{server.url}/images/{by_name[fine]}").status_code == 200
    with httpx.Client(base_url=server.url) as client:
        found = client.post("/api/search", json={"text": "a shape", "k": 3}).json()
        assert [hit["id"] for hit in found["hits"]] == [by_name[fine]]
        said = client.post("/api/messages", data={"sender": "s", "text": "a shape"}).json()
        assert [i["id"] for r in said["replies"] for i in r.get("images", ())] == [by_name[fine]]
        about = f'/similar_to_image{{"image": "{by_name[gone]}"}}'
        said = client.post("/api/messages", data={"sender": "s", "text": about}).json()
        assert "images" not in said["replies"][0]
        figures = client.get("/metrics").text
    (left_out,) = re.findall(r"^showtell_missing_pictures_total (\d+)", figures, re.MULTILINE)
    assert int(left_out) >= 3


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "picture.tif"
    Image.new("CMYK", (2000, 1000), (0, 200, 200, 0)).save(path)
    return path


def get_all(folder: Path, *asked: tuple[Path, str, int], most_bytes: int = 10**9):
    """Ask for thumbnails, all at once."""

    async def ask():
        threads = Threads(2, "pictures")
        originals = Originals(folder.parent / "originals", threads, most_bytes)
        thumbnails = Thumbnails(folder, threads, most_bytes, originals)
        try:
            return await asyncio.gather(*(thumbnails.get(*one) for one in asked))
        finally:
            await threads.close()

    return asyncio.run(ask())


def test_thumbnails_are_made_once_and_anew_when_the_file_changes(tmp_path, picture):
    asked = (picture, "ab" * 32, 320)
    (made,) = get_all(tmp_path / "cache", asked)
    assert isinstance(made, Path)
    assert size_of(made) == (320, 160)
    first = made.stat()
    assert get_all(tmp_path / "cache", asked)[0].stat().st_ino == first.st_ino
    Image.new("RGB", (100, 300)).save(picture)
    later = first.st_mtime_ns + 1_000_000_000
    os.utime(picture, ns=(later, later))
    assert size_of(get_all(tmp_path / "cache", asked)[0]) == (100, 300)


def test_all_who_ask_at_once_get_the_one_that_is_made(tmp_path, picture, monkeypatch):
    opened = []

    def count(*args, **options):
        opened.append(args)
        return open_image(*args, **options)

    monkeypatch.setattr("bot.live.thumbnails.open_image", count)
    made = get_all(tmp_path / "cache", *[(picture, "ab" * 32, 320)] * 20)
    assert len(set(made)) == 1
    assert len(opened) == 1


def test_nothing_half_made_is_left(tmp_path, picture):
    picture.write_bytes(b"no picture")
    with pytest.raises(NotAnImage):
        get_all(tmp_path / "cache", (picture, "ab" * 32, 160))
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("turned", [1, 6])
def test_a_large_photograph_is_decoded_small_and_looks_the_same(tmp_path, size, turned):
    red, blue = np.indices((3000, 4500)) * 255 // 4500
    pixels = np.dstack([red, np.full_like(red, 90), blue]).astype(np.uint8)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turned
    photo = tmp_path / "photo.jpg"
    Image.fromarray(pixels).save(photo, quality=95, exif=exif)
    (made,) = get_all(tmp_path / "cache", (photo, "ab" * 32, size))
    with Image.open(made) as thumbnail:
        assert max(thumbnail.size) == size
        whole = open_image(photo)
        whole.thumbnail((size, size), Image.Resampling.LANCZOS)
        assert thumbnail.size == whole.size
        difference = np.abs(np.asarray(thumbnail, int) - np.asarray(whole, int))
        assert difference.mean() < 3


def test_the_folder_keeps_within_its_bound_and_the_oldest_go_first(tmp_path, picture):
    folder = tmp_path / "cache"
    (first,) = get_all(folder, (picture, "00" * 32, 640))
    size = first.stat().st_size
    os.utime(first, ns=(1, 1))
    os.utime(picture, ns=(0, 0))
    get_all(folder, *((picture, f"{i:02}" * 32, 640) for i in range(1, 11)), most_bytes=10 * size)
    left = list(folder.glob("*/*.webp"))
    assert 8 <= len(left) <= 10
    assert first not in left


def test_a_full_disk_costs_no_thumbnail(
    start_server, shapes_bundles, gallery_image, tmp_path, models_dir, learned_dir
):
    full = tmp_path / "full"
    full.mkdir()
    (full / "models").symlink_to(models_dir)
    (full / "cache").symlink_to(learned_dir)
    (full / "thumbnails").touch()  # no folder can be made there
    url = f"{start_server(shapes_bundles, data_dir=full).url}/images/{gallery_image.image_id}"
    answer = httpx.get(url, params={"size": 160})
    assert answer.status_code == 200
    assert size_of(io.BytesIO(answer.content)) == (160, 160)
    known = {"If-None-Match": answer.headers["etag"]}
    assert httpx.get(url, params={"size": 160}, headers=known).status_code == 304


def test_formats_that_browsers_do_not_show_go_out_as_webp(start_server, shapes_model_dir, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    tiff = root / "scan.tif"
    Image.new("CMYK", (900, 450), (0, 200, 200, 0)).save(tiff)
    jpeg = root / "photo.jpg"
    Image.new("RGB", (20, 10), "green").save(jpeg)
    bundles = tmp_path / "b"
    report = build_bundle(
        [Candidate(path, ("a scan",), {}) for path in (tiff, jpeg)],
        root=root,
        model_dir=shapes_model_dir,
        bundles=bundles,
    )
    publish(bundles, report.version)
    with Bundle.open(bundles) as bundle:
        ids = {i.path: i.image_id for i in bundle.store.pictures(range(2))}
    server = start_server(bundles)
    answer = httpx.get(f"{server.url}/images/{ids['scan.tif']}")
    assert answer.headers["content-type"] == "image/webp"
    assert size_of(io.BytesIO(answer.content)) == (640, 320)
    answer = httpx.get(f"{server.url}/images/{ids['photo.jpg']}")
    assert answer.headers["content-type"] == "image/jpeg"


def test_pictures_that_moved_are_found_in_their_new_folder(
    start_server, bundles_copy, gallery_image, shapes_dir, tmp_path
):
    moved = tmp_path / "moved"
    shutil.copytree(shapes_dir, moved)
    Image.new("RGB", (7, 5)).save(moved / gallery_image.path)
    url = start_server(bundles_copy, images=moved).url
    answer = httpx.get(f"{url}/images/{gallery_image.image_id}")
    assert size_of(io.BytesIO(answer.content)) == (7, 5)


@pytest.mark.parametrize(
    ("asked", "status"),
    [("bytes=5-2", 400), ("lines=1-2", 400), ("bytes", 400), ("bytes=9999999-", 416)],
)
def test_a_range_that_cannot_be_sent_is_refused_in_the_form_of_all_failures(
    client, gallery_image, asked, status
):
    answer = client.get(f"/images/{gallery_image.image_id}", headers={"Range": asked})
    assert answer.status_code == status
    assert answer.json()["detail"].endswith(".")
    assert ("content-range" in answer.headers) == (status == 416)
    assert int(answer.headers["content-length"]) == len(answer.content)
    part = client.get(f"/images/{gallery_image.image_id}", headers={"Range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, b"PNG")
