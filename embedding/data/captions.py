"""Reading files that say which picture has which caption."""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from embedding.errors import DataError

__all__ = ["Row", "Skipped", "caption_from_name", "captions_in", "read_captions", "read_rows"]

_FILE_COLUMNS = ("file", "image", "filename", "file_name", "image_name", "path")
_CAPTION_COLUMNS = ("caption", "comment", "text", "sentence", "captions")
_CAMERA_NAME = re.compile(
    r"(img|dsc[fn]?|dscn|p|pict|image|photo|screenshot)?[\s\d]*", re.IGNORECASE
)
# A hash or a UUID, as programs name files: at least one digit, so that no word is taken for one.
_HASH = re.compile(
    r"\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b|(?<![^\W_])(?=[a-f]*\d)[\da-f]{6,}(?![^\W_])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Skipped:
    """Something that was left out of a data set: what it was, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Row:
    """One caption of one picture, with what else its line said."""

    file: str
    caption: str
    metadata: dict[str, str] = field(default_factory=dict)
    split: str = ""


def read_captions(path: Path) -> dict[str, list[str]]:
    """Return the captions of each picture, in the order of the file.

    The form is recognised: a table with ``file`` and ``caption`` columns (commas, tabs, semicolons
    or bars), Flickr's ``name.jpg#0<TAB>caption``, or JSON lines.

    Raises:
        DataError: the file is missing, is not text, or has neither form.
    """
    captions: dict[str, list[str]] = {}
    rows, _ = read_rows(path)
    for row in rows:
        captions.setdefault(row.file, []).append(row.caption)
    return captions


def read_rows(path: Path) -> tuple[list[Row], list[Skipped]]:
    """Return the usable rows of a caption file, and what was left out of it.

    Raises:
        DataError: as ``read_captions``.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DataError(f"there is no caption file {path}; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the caption file {path} cannot be read: {error}") from error
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("{"):
        found = list(_json_lines(lines, path))
    elif re.match(r"[^\t]+#\d+\t", first):
        found = list(_token_lines(lines, path))
    else:
        found = list(_table_lines(lines, path))
    rows = [item for item in found if isinstance(item, Row)]
    return rows, [item for item in found if isinstance(item, Skipped)]


def caption_from_name(path: str) -> str:
    """Return words from a file name: ``beach/two_dogs-01.jpg`` is "beach two dogs".

    Names that a camera or a program gave say nothing and become "" (or the folder's name).
    """
    parts = [_HASH.sub(" ", part) for part in (*Path(path).parent.parts, Path(path).stem)]
    words = [re.sub(r"[\W_]+", " ", part).strip() for part in parts]
    spoken = [re.sub(r"(?<=[a-z])(?=[A-Z])", " ", word) for word in words]
    kept = [re.sub(r"\b\d+\b", "", word) for word in spoken if not _CAMERA_NAME.fullmatch(word)]
    return re.sub(r"\s+", " ", " ".join(kept)).strip().lower()


def captions_in(record: dict[str, Any]) -> list[Any]:
    """Take whatever stands in the place of captions out of a JSON record, as one list."""
    found = [record.pop(column) for column in _CAPTION_COLUMNS if column in record]
    return [item for value in found for item in (value if isinstance(value, list) else [value])]


def _row(path: Path, line: int, file: Any, caption: Any, **more: Any) -> Row | Skipped:
    where = f"{path.name}, line {line}"
    if not isinstance(file, str) or not file.strip():
        return Skipped(where, "it names no picture")
    if not isinstance(caption, str) or not caption.strip():
        return Skipped(where, f"{file} has an empty caption")
    return Row(file.strip(), " ".join(caption.split()), **more)


def _token_lines(lines: list[str], path: Path) -> Iterator[Row | Skipped]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, tab, caption = line.partition("\t")
        if tab:
            yield _row(path, number, name.rsplit("#", 1)[0], caption)
        else:
            yield Skipped(f"{path.name}, line {number}", "no tab between the picture and caption")


def _table_lines(lines: list[str], path: Path) -> Iterator[Row | Skipped]:
    header = next((line for line in lines if line.strip()), "")
    delimiter = next((mark for mark in ("\t", ",", ";", "|") if mark in header), ",")
    # Flickr30k's table, with bars, has quotation marks in its captions and means nothing by them.
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "|" else csv.QUOTE_MINIMAL
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True, quoting=quoting)
    columns: list[str] = []
    while not any(columns):
        columns = [name.strip().lower() for name in next(reader, ["?"])]
    file = next((columns.index(c) for c in _FILE_COLUMNS if c in columns), None)
    caption = next((columns.index(c) for c in _CAPTION_COLUMNS if c in columns), None)
    if file is None or caption is None:
        raise DataError(
            f"{path} starts with {header[:80]!r}; expected a header with the columns file and "
            "caption, Flickr's name.jpg#0<TAB>caption, or one JSON object a line"
        )
    known = {file, caption}
    for values in reader:
        if not any(value.strip() for value in values):
            continue
        if len(values) <= max(known):
            where = f"{path.name}, line {reader.line_num}"
            yield Skipped(where, f"{len(values)} columns instead of {len(columns)}")
            continue
        metadata = {
            name: value.strip()
            for i, (name, value) in enumerate(zip(columns, values, strict=False))
            if i not in known and name and value.strip() and name != "split"
        }
        split = dict(zip(columns, values, strict=False)).get("split", "")
        yield _row(
            path, reader.line_num, values[file], values[caption], metadata=metadata, split=split
        )


def _json_lines(lines: list[str], path: Path) -> Iterator[Row | Skipped]:
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
        metadata = {k: str(v) for k, v in record.items() if isinstance(v, str | int | float)}
        for caption in captions or [None]:
            yield _row(path, number, file, caption, metadata=metadata, split=split)
