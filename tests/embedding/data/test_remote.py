"""Folders of pictures on an object store and on a web server, both really running."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Any

import pytest

from embedding.data import remote
from embedding.data.pairs import Pairs, load_folder
from embedding.data.remote import RemoteFile, RemoteFolder, folder_at
from embedding.errors import DataError, PicturesUnavailable


@pytest.fixture
def bucket(s3: Any) -> str:
    s3.mkdir("pictures")
    yield "pictures"
    s3.rm("pictures", recursive=True)


def captions(pairs: Pairs) -> dict[str, list[str]]:
    return dict(zip(pairs.image_ids, pairs.captions_by_image(), strict=True))


def test_a_bucket_is_read_as_a_folder_is(s3: Any, bucket: str) -> None:
    names = ["one dog.jpg", "beach/two dogs.jpg", "beach/deep/é #1?.jpg", ".hidden/a.jpg", "a.txt"]
    for name in (*names, ".hidden.jpg"):
        s3.pipe(f"{bucket}/album/{name}", b"x")
    s3.pipe(f"{bucket}/beside.jpg", b"x")
    s3.pipe(f"{bucket}/album/beach/metadata.jsonl", b'{"file_name":"two dogs.jpg","text":"Both"}')
    pairs = load_folder(RemoteFolder(f"s3://{bucket}/album/"))
    assert captions(pairs) == {
        "beach/deep/é #1?.jpg": ["beach deep é"],
        "beach/two dogs.jpg": ["Both"],
        "one dog.jpg": ["one dog"],
    }
    for file in pairs.image_paths or ():
        assert file.read_bytes() == b"x"
        assert file.stat().st_size == 1


def test_a_caption_file_may_name_pictures_by_their_address(
    s3: Any, bucket: str, tmp_path: Path
) -> None:
    s3.pipe(f"{bucket}/a.jpg", b"x")
    file = tmp_path / "captions.csv"
    file.write_text(f"file,caption\ns3://{bucket}/a.jpg,A dog\n")
    assert captions(load_folder(folder_at(f"s3://{bucket}"), file)) == {"a.jpg": ["A dog"]}


def test_a_web_server_is_read_by_its_lists_or_by_a_caption_file(
    web: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = web
    (folder / "sub").mkdir()
    for name in ("two dogs.jpg", "sub/50% é #1.jpg", ".hidden.jpg"):
        (folder / name).write_bytes(b"x")
    pairs = load_folder(RemoteFolder(address))
    assert pairs.image_ids == ["sub/50% é #1.jpg", "two dogs.jpg"]
    assert [file.read_bytes() for file in pairs.image_paths or ()] == [b"x", b"x"]
    file = tmp_path / "captions.csv"
    file.write_text(f"file,caption\n{address}/two dogs.jpg,Both\nhttps://other/x.jpg,No\n")
    named = load_folder(RemoteFolder(address), file)
    assert captions(named)["two dogs.jpg"] == ["Both"]
    # What another server has is asked for at this one alone, which has no such thing.
    other = [one for one in named.image_paths or () if "other" in str(one)]
    assert all(str(one).startswith(f"{address}/") for one in other)
    for one in other:
        with pytest.raises(FileNotFoundError):
            one.read_bytes()


def test_pages_that_link_to_each_other_are_read_once(web: tuple[Path, str]) -> None:
    folder, address = web
    links = "".join(f'<a href="{address}/album/{one}">x</a>' for one in ("", "sub/", "a.jpg", ".."))
    for place in ("album", "album/sub"):
        (folder / place).mkdir()
        (folder / place / "index.html").write_text(links)
    (folder / "beside.jpg").write_bytes(b"x")
    assert {*RemoteFolder(f"{address}/album").names()} == {"a.jpg"}


def test_a_file_is_fetched_if_it_is_the_one_that_was_indexed(
    web: tuple[Path, str], tmp_path: Path
) -> None:
    folder, address = web
    (folder / "a.jpg").write_bytes(b"picture")
    sha256 = hashlib.sha256(b"picture").hexdigest()
    file = RemoteFile(RemoteFolder(address), "a.jpg", sha256)
    file.fetch(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"picture"
    (folder / "a.jpg").write_bytes(b"another")
    with pytest.raises(OSError, match="not the picture that was indexed"):
        file.fetch(tmp_path / "copy")
    (folder / "a.jpg").unlink()
    with pytest.raises(FileNotFoundError):
        file.fetch(tmp_path / "copy")


def test_what_does_not_answer_is_told_within_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(remote, "_PAUSE_S", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(PicturesUnavailable, match=f"{address}/a.jpg does not answer"):
            RemoteFile(RemoteFolder(address), "a.jpg").stat()
    with pytest.raises(PicturesUnavailable, match="does not answer"):
        list(RemoteFolder(address).names())


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("ftp://host/pictures", "cannot be read from ftp://"),
        ("s3://", "names no place"),
        ("s3://key:hush@bucket", "holds a login"),
        ("https://host/list?token=hush", "holds a login or parameters"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_its_secrets(
    address: str, why: str
) -> None:
    with pytest.raises(DataError, match=why) as refused:
        folder_at(address)
    assert "hush" not in str(refused.value)


def test_a_bucket_that_is_not_there_is_told(s3: Any) -> None:
    with pytest.raises(DataError, match="s3://nowhere cannot be listed"):
        load_folder(RemoteFolder("s3://nowhere"))
