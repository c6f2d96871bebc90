"""Reading files that say which picture has which caption."""

import codecs
import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from embedding.data.remote import RemoteFile
from embedding.errors import DataError

__all__ = [
    "RESERVED",
    "CaptionFile",
    "Row",
    "Skipped",
    "captions_in",
    "decode_text",
    "lines_of",
    "read_captions",
    "read_rows",
]

_FILE_COLUMNS = ("file", "image", "filename", "file_name", "image_name", "path")
_CAPTION_COLUMNS = ("caption", "comment", "text", "sentence", "captions")
RESERVED = frozenset((*_FILE_COLUMNS, *_CAPTION_COLUMNS, "split"))
"""Names that stand for something else than metadata in a caption file."""
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Skipped:
    """Something that was left out of a data set: what it was, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Row:
    """One caption of one picture, with what else its line said.

    A row with metadata may have an empty caption.
    """

    file: str
    caption: str
    metadata: dict[str, str] = field(default_factory=dict)
    split: str = ""


class CaptionFile(NamedTuple):
    """What a caption file says.

    Attributes:
        rows: its captions.
        skipped: its lines that were left out, and why.
        notes: sentences that a person should read.
    """

    rows: list[Row]
    skipped: list[Skipped]
    notes: list[str]


def read_captions(path: Path) -> dict[str, list[str]]:
    """Return the captions of each picture, in the order of the file.

    The form is recognised: a table with ``file`` and ``caption`` columns (commas, tabs, semicolons
    or bars), Flickr's ``name.jpg#0<TAB>caption``, or JSON lines.

    Raises:
        DataError: the file is missing, is not text, or has neither form.
    """
    captions: dict[str, list[str]] = {}
    for row in read_rows(path).rows:
        if row.caption:
            captions.setdefault(row.file, []).append(row.caption)
    return captions


def read_rows(path: Path | RemoteFile) -> CaptionFile:
    """Return what a caption file says.

    Raises:
        DataError: as ``read_captions``.
    """
    try:
        text, encoding = decode_text(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"there is no caption file {path}; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the caption file {path} cannot be read: {error}") from error
    lines = lines_of(text)
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("{"):
        items = list(_json_lines(lines, path))
    elif re.match(r"[^\t]+#\d+\t", first):
        items = list(_token_lines(lines, path))
    else:
        items = list(_table_lines(lines, path))
    return CaptionFile(
        [item for item in items if isinstance(item, Row)],
        [item for item in items if isinstance(item, Skipped)],
        [f"{path.name} is not UTF-8; it was read as Windows-1252, so look at its accents"]
        if encoding == "cp1252"
        else [],
    )


def decode_text(data: bytes) -> tuple[str, str]:
    """Return the text of a file and its encoding.

    That is what the byte order mark says, else UTF-8, else Windows-1252: spreadsheets still write
    it, and its accents are no valid UTF-8.

    Raises:
        UnicodeDecodeError: no encoding fits.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("cp1252"), "cp1252"


def lines_of(text: str) -> list[str]:
    """Return the lines with their ends.

    ``str.splitlines`` would also end them at characters that stand within captions, U+2028 and
    others.
    """
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$", text)


def captions_in(record: dict[str, Any]) -> list[Any]:
    """Take whatever stands in the place of captions out of a JSON record, as one list."""
    found = [record.pop(column) for column in _CAPTION_COLUMNS if column in record]
    return [item for value in found for item in (value if isinstance(value, list) else [value])]


def _row(
    path: Path | RemoteFile,
    line: int,
    file: Any,
    caption: Any,
    metadata: dict[str, str],
    split: str = "",
) -> Row | Skipped:
    where = f"{path.name}, line {line}"
    if not isinstance(file, str) or not file.strip():
        return Skipped(where, "it names no picture")
    text = " ".join(caption.split()) if isinstance(caption, str) else ""
    if not text and not metadata:
        return Skipped(where, f"{file} has an empty caption")
    return Row(file.strip(), text, metadata, split)


def _token_lines(lines: Sequence[str], path: Path | RemoteFile) -> Iterator[Row | Skipped]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, tab, caption = line.partition("\t")
        if tab:
            yield _row(path, number, name.rsplit("#", 1)[0], caption, {})
        else:
            yield Skipped(f"{path.name}, line {number}", "no tab between the picture and caption")


def _table_lines(lines: Sequence[str], path: Path | RemoteFile) -> Iterator[Row | Skipped]:
    header = next((line for line in lines if line.strip()), "")
    delimiter = next((mark for mark in ("\t", ",", ";", "|") if mark in header), ",")
    records = _records(lines, delimiter)
    _, names = next(records, (0, []))
    columns = [name.strip().lower() for name in names] if isinstance(names, list) else []
    file = next((columns.index(c) for c in _FILE_COLUMNS if c in columns), None)
    caption = next((columns.index(c) for c in _CAPTION_COLUMNS if c in columns), None)
    if file is None or caption is None:
        raise DataError(
            f"{path} starts with {header.strip()[:80]!r}; expected a header with the columns file "
            "and caption, Flickr's name.jpg#0<TAB>caption, or one JSON object a line"
        )
    for line, values in records:
        where = f"{path.name}, line {line}"
        if isinstance(values, str):
            yield Skipped(where, values)
            continue
        beyond = [value for value in values[len(columns) :] if value.strip()]
        if len(values) <= max(file, caption):
            yield Skipped(where, f"{len(values)} columns instead of {len(columns)}")
            continue
        if beyond and caption != len(columns) - 1:
            yield Skipped(
                where,
                f"{len(values)} columns instead of {len(columns)}; "
                f"put quotation marks around a caption with {delimiter!r} in it",
            )
            continue
        # What stands behind the last column can only be more of the caption in it.
        text = f"{delimiter} ".join((values[caption], *beyond))
        cells = {name: value.strip() for name, value in zip(columns, values, strict=False)}
        others = {columns[file], columns[caption], "split", ""}
        metadata = {name: cell for name, cell in cells.items() if cell and name not in others}
        yield _row(path, line, values[file], text, metadata, cells.get("split", ""))


def _records(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield (line number, cells) of each record that is not blank.

    Where quotation marks do not match, that line alone is given up: (line number, what is wrong);
    reading goes on with the next line.
    """
    # Flickr30k's table, with bars, has quotation marks in its captions and means nothing by them.
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "|" else csv.QUOTE_MINIMAL
    start = 0
    while start < len(lines):
        rest = (lines[i] for i in range(start, len(lines)))
        reader = csv.reader(
            rest, delimiter=delimiter, skipinitialspace=True, quoting=quoting, strict=True
        )
        try:
            cells = next(reader)
        except csv.Error as error:
            yield start + 1, f"its quotation marks do not match ({error}); close each one"
            start += 1
            continue
        if any(cell.strip() for cell in cells):
            yield start + 1, cells
        start += reader.line_num


def _json_lines(lines: Sequence[str], path: Path | RemoteFile) -> Iterator[Row | Skipped]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            yield Skipped(f"{path.name}, line {number}", f"not JSON: {error}")
            continue
        if not isinstance(record, dict):
            yield Skipped(f"{path.name}, line {number}", "not a JSON object")
            continue
        file = next((record.pop(c) for c in _FILE_COLUMNS if c in record), None)
        captions = captions_in(record)
        split = str(record.pop("split", ""))
        metadata = {key: text for key, value in record.items() if (text := _cell(value))}
        for caption in captions or [None]:
            yield _row(path, number, file, caption, metadata, split)


def _cell(value: Any) -> str:
    """Return a JSON value as metadata: words and numbers, or a list of words (tags); else ""."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    return str(value) if isinstance(value, str | int | float) else ""
