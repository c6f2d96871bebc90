"""A folder of pictures: links, caption files, spellings, and what is not opened."""

import json
import os
import unicodedata
from pathlib import Path

import pytest

from embedding.data.pairs import Pairs, load_folder
from embedding.errors import DataError


def put(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def captions(pairs: Pairs) -> dict[str, list[str]]:
    return dict(zip(pairs.image_ids, pairs.captions_by_image(), strict=True))


def test_a_folder_of_links_holds_the_pictures_they_lead_to(tmp_path: Path) -> None:
    album = put(tmp_path / "elsewhere", "album/one dog.jpg", "album/.hidden.jpg", "a cat.jpg")
    folder = put(tmp_path / "photos", "own.jpg")
    (folder / "linked.jpg").symlink_to(album / "a cat.jpg")
    (folder / "holiday").symlink_to(album / "album")
    (tmp_path / "way").symlink_to(folder)
    for way in (folder, tmp_path / "way"):
        names = ["holiday/one dog.jpg", "linked.jpg", "own.jpg"]
        assert load_folder(way).image_ids == names


def test_links_in_a_circle_or_to_nowhere_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    folder = put(tmp_path / "photos", "own.jpg", "sub/more.jpg")
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "gone.jpg").symlink_to(tmp_path / "gone.jpg")
    (folder / "up").symlink_to(tmp_path)
    (folder / "sub" / "around").symlink_to(folder)
    other = put(tmp_path / "other", "there.jpg")
    (other / "back").symlink_to(other)
    (folder / "other").symlink_to(other)
    pairs = load_folder(folder)
    assert pairs.image_ids == ["other/there.jpg", "own.jpg", "sub/more.jpg"]
    assert {item.what for item in pairs.skipped} == {"gone.jpg", "loop.jpg"}


def test_what_is_no_file_is_named_and_not_opened(tmp_path: Path) -> None:
    folder = put(tmp_path, "own.jpg")
    os.mkfifo(folder / "pipe.jpg")
    pairs = load_folder(folder)
    assert pairs.image_ids == ["own.jpg"]
    assert [item.what for item in pairs.skipped] == ["pipe.jpg"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_captions_find_their_pictures_however_the_name_is_spelled(
    tmp_path: Path, form: str
) -> None:
    disk = unicodedata.normalize(form, "s\u00fcd/caf\u00e9.jpg")
    folder = put(tmp_path / "photos", disk)
    other = unicodedata.normalize("NFD" if form == "NFC" else "NFC", disk)
    names = [disk, other, f"./{other}", other.replace("/", "\\"), str(folder / other)]
    rows = "".join(f"{name},caption {i}\n" for i, name in enumerate(names))
    (folder / "captions.csv").write_text("file,caption\n" + rows)
    pairs = load_folder(folder)
    assert captions(pairs) == {disk: [f"caption {i}" for i in range(len(names))]}
    assert pairs.skipped == []
    assert pairs.notes == ["captions.csv: captions read: 5, for 1 of 1 pictures"]


def test_a_literal_backslash_in_a_name_goes_before_a_folder(tmp_path: Path) -> None:
    folder = put(tmp_path, "a\\b.jpg", "a/b.jpg")
    (folder / "captions.csv").write_text("file,caption\na\\b.jpg,odd\na/b.jpg,plain\n")
    assert captions(load_folder(folder)) == {"a/b.jpg": ["plain"], "a\\b.jpg": ["odd"]}


def test_the_metadata_of_an_image_folder_is_read_at_every_depth(tmp_path: Path) -> None:
    put(tmp_path, "train/1.jpg", "train/two cats.jpg", "test/1.jpg", "3.jpg")
    for part, lines in {
        "train": [
            {"file_name": "1.jpg", "text": "a dog", "place": "Rome", "tags": ["pets", "dogs"]},
            {"file_name": "two cats.jpg", "place": "Oslo"},
        ],
        "test": [{"file_name": "1.jpg", "text": "a bird"}],
    }.items():
        text = "\n".join(json.dumps(line) for line in lines)
        (tmp_path / part / "metadata.jsonl").write_text(text)
    (tmp_path / "metadata.csv").write_text("file_name,text\n3.jpg,a tree\n")
    pairs = load_folder(tmp_path)
    assert captions(pairs) == {
        "3.jpg": ["a tree"],
        "test/1.jpg": ["a bird"],
        "train/1.jpg": ["a dog"],
        "train/two cats.jpg": ["train two cats"],
    }
    metadata = dict(zip(pairs.image_ids, pairs.metadata, strict=True))
    assert metadata["train/1.jpg"] == {"place": "Rome", "tags": "pets, dogs"}
    assert metadata["train/two cats.jpg"] == {"place": "Oslo"}
    assert pairs.notes == ["metadata.csv and 2 more: captions read: 3, for 3 of 4 pictures"]


def test_formats_that_are_not_opened_are_counted_in_one_sentence(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "b.PSD", "c.psd", "sub/d.NEF", "notes.txt", "e.svg")
    (note,) = load_folder(tmp_path).notes
    assert note.startswith("files of formats that are not opened: 2 .psd, 1 .")
    assert {"1 .nef", "1 .svg"} <= set(note.split(": ")[1].split(";")[0].split(", "))
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(DataError, match=r"holds no pictures .*2 \.psd"):
        load_folder(tmp_path)
