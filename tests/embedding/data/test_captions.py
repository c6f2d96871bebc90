"""Caption files as spreadsheets, programs and people write them."""

import codecs
import json
from pathlib import Path

import pytest

from embedding.data.captions import CaptionFile, read_captions, read_rows
from embedding.errors import DataError


def read(tmp_path: Path, text: str | bytes) -> CaptionFile:
    path = tmp_path / "captions.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_rows(path)


def told(file: CaptionFile) -> dict[str, str]:
    return {row.file: row.caption for row in file.rows}


def left_out(file: CaptionFile) -> list[str]:
    return [f"{item.what}: {item.why}" for item in file.skipped]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_caption_of_several_lines_keeps_its_words_apart(tmp_path: Path, end: str) -> None:
    lines = ["file,caption", 'a.jpg,"a dog', 'runs on grass"', 'b.jpg,"says ""hi"" to, all"', ""]
    file = read(tmp_path, end.join(lines))
    assert told(file) == {"a.jpg": "a dog runs on grass", "b.jpg": 'says "hi" to, all'}
    assert file.skipped == []


def test_unquoted_commas_belong_to_the_caption_in_the_last_column(tmp_path: Path) -> None:
    file = read(tmp_path, "file,caption\na.jpg,a dog, brown, runs\nb.jpg,cat,,\n")
    assert told(file) == {"a.jpg": "a dog, brown, runs", "b.jpg": "cat"}


def test_unquoted_commas_before_another_column_are_named(tmp_path: Path) -> None:
    file = read(tmp_path, "file,caption,place\na.jpg,a dog, brown,Rome\nb.jpg,cat,Rome,\n")
    assert told(file) == {"b.jpg": "cat"}
    assert left_out(file) == [
        "captions.csv, line 2: 4 columns instead of 3; put quotation marks around a caption with "
        "',' in it"
    ]


@pytest.mark.parametrize(
    "rows",
    [
        'a.jpg,"a dog runs\nb.jpg,a cat\nc.jpg,a bird\n',
        'a.jpg,"a dog runs\nb.jpg,a cat\nc.jpg,"a bird"\n',
        'a.jpg,"a dog" runs\nb.jpg,a cat\nc.jpg,a bird',
        'a.jpg,"' + "x" * 200_000 + "\nb.jpg,a cat\nc.jpg,a bird\n",
    ],
    ids=["to the end", "to the next", "text behind", "over the csv module's limit"],
)
def test_an_unbalanced_quotation_mark_costs_its_own_line_alone(tmp_path: Path, rows: str) -> None:
    file = read(tmp_path, "file,caption\n" + rows)
    assert told(file) == {"b.jpg": "a cat", "c.jpg": "a bird"}
    assert [text.split(" (")[0] for text in left_out(file)] == [
        "captions.csv, line 2: its quotation marks do not match"
    ]


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
def test_a_character_that_python_takes_for_a_line_end_does_not_cut_a_caption(
    tmp_path: Path, mark: str
) -> None:
    table = read(tmp_path, f'file,caption\na.jpg,"a dog{mark}runs"\nb.jpg,b{mark}cat\n')
    assert told(table) == {"a.jpg": "a dog runs", "b.jpg": "b cat"}
    line = json.dumps({"file": "a.jpg", "caption": f"a dog{mark}runs"}, ensure_ascii=False)
    assert told(read(tmp_path, line + "\n")) == {"a.jpg": "a dog runs"}
    assert told(read(tmp_path, f"a.jpg#0\ta dog{mark}runs\n")) == {"a.jpg": "a dog runs"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    data = "file,caption\ncafé.jpg,ein Café € schön\n".encode(encoding)
    if encoding == "utf-16-be":
        data = codecs.BOM_UTF16_BE + data
    file = read(tmp_path, data)
    assert told(file) == {"café.jpg": "ein Café € schön"}
    assert file.notes == []


def test_a_windows_file_is_read_and_said_to_be_one(tmp_path: Path) -> None:
    file = read(tmp_path, "file,caption\na.jpg,ein Café € schön\n".encode("cp1252"))
    assert told(file) == {"a.jpg": "ein Café € schön"}
    assert file.notes == [
        "captions.csv is not UTF-8; it was read as Windows-1252, so look at its accents"
    ]


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"\xff\x81\x8d", b"\x89PNG\r\n\x1a\n\0\0"])
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(DataError, match=r"cannot be read|starts with"):
        read(tmp_path, data)


def test_a_row_that_says_something_else_needs_no_caption(tmp_path: Path) -> None:
    lines = [
        {"file_name": "a.jpg", "date": 1999, "tags": ["dog", "park"], "boxes": [[1, 2]]},
        {"file_name": "b.jpg", "text": "a cat", "split": "test"},
        {"file_name": "c.jpg"},
    ]
    file = read(tmp_path, "\n".join(json.dumps(line) for line in lines))
    assert told(file) == {"a.jpg": "", "b.jpg": "a cat"}
    assert file.rows[0].metadata == {"date": "1999", "tags": "dog, park"}
    assert file.rows[1].split == "test"
    assert left_out(file) == ["captions.csv, line 3: c.jpg has an empty caption"]
    assert read_captions(tmp_path / "captions.csv") == {"b.jpg": ["a cat"]}
