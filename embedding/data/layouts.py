"""The layouts in which data sets come: which files hold the captions, the splits, the pictures."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from embedding.data.captions import Row, Skipped, decode_text, lines_of, read_rows
from embedding.data.decode import ImageFile
from embedding.data.names import spellings
from embedding.errors import DataError

__all__ = [
    "Table",
    "find_image",
    "karpathy_file",
    "read_csv",
    "read_flickr8k",
    "read_flickr30k",
    "read_jsonl",
    "read_karpathy",
    "search_path",
]
_KARPATHY = 'expected {"images": [{"filename", "split", "sentences": [{"raw"}]}]}'


@dataclass
class Table:
    """What a data set lists.

    Attributes:
        rows: captions, each with the name of its picture.
        roots: the folders in which the pictures may lie.
        skipped: what was left out.
        files: by name, those pictures that are no files of their own.
        notes: sentences about how it was read.
    """

    rows: list[Row]
    roots: list[Path]
    skipped: list[Skipped] = field(default_factory=list)
    files: dict[str, ImageFile] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def find(self, name: str) -> ImageFile:
        """Return where a picture lies.

        Raises:
            DataError: as ``find_image``.
        """
        return self.files.get(name) or find_image(self.roots, name)


def search_path(location: str, spec: str) -> list[Path]:
    """Return a data set's own path, and the folders of pictures that are named behind it.

    Args:
        location: a path, or several as a search path: ``dataset_coco.json:/data/coco``.
        spec: what was given, for the message.

    Raises:
        DataError: one of them does not exist.
    """
    # A name may hold the separator itself.
    is_one = Path(location).expanduser().exists()
    paths = [
        Path(part).expanduser() for part in ([location] if is_one else location.split(os.pathsep))
    ]
    for path in paths:
        if not path.exists():
            raise DataError(f"there is no {path}, given as {spec!r}; check the path")
    return paths


def find_image(roots: Sequence[Path], name: str) -> Path:
    """Return the file of a picture inside one of the folders, in whatever way its name is spelled.

    A link inside a folder may lead out of it: whoever put it there wants that picture. A name
    may not, since names come from files that others wrote.

    Raises:
        DataError: it is in none of them, or its name leads out of them.
    """
    inside = False
    for root in roots:
        for spelling in spellings(name, root):
            path = Path(os.path.normpath(root / spelling))
            if path.is_relative_to(os.path.normpath(root)):
                inside = True
                if _is_file(path):
                    return path
    if not inside:
        raise DataError("the name leads out of the data set's folder")
    raise DataError(f"no such file in {' or '.join(str(root) for root in roots)}")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, a folder that may not be read
        return False


def read_flickr8k(path: Path) -> Table:
    """Read Flickr8k as distributed: token file, three split lists, a folder of images."""
    tokens = _first_file(path, ("Flickr8k.token.txt", "captions.txt"))
    splits = {
        line.strip(): split
        for split in ("train", "dev", "test")
        for line in _lines_of(path / f"Flickr_8k.{split}Images.txt")
    }
    return _with_splits(tokens, splits, _image_roots(path))


def read_flickr30k(path: Path) -> Table:
    """Read Flickr30k: token or results file, optional train/val/test.txt, a folder of images."""
    tokens = _first_file(path, ("results_20130124.token", "results.token", "results.csv"))
    splits = {
        line.strip().removesuffix(".jpg") + ".jpg": split
        for split in ("train", "val", "test")
        for name in (f"{split}.txt", f"flickr30k_{split}.txt")
        for line in _lines_of(path / name)
    }
    return _with_splits(tokens, splits, _image_roots(path))


def read_karpathy(path: Path) -> Table:
    """Read the JSON of Karpathy's splits; the pictures lie beside it or in ``images``.

    Raises:
        DataError: there is no such JSON, or it has another form.
    """
    file = karpathy_file(path)
    try:
        records = list(json.loads(decode_text(file.read_bytes())[0])["images"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is not a Karpathy split ({error!r}); {_KARPATHY}") from error
    table = Table([], _image_roots(file.parent))
    for number, record in enumerate(records):
        try:
            name = str(Path(record.get("filepath", "")) / record["filename"])
            split = str(record.get("split", ""))
            captions = [" ".join((item["raw"] or "").split()) for item in record["sentences"]]
        except (KeyError, TypeError, AttributeError) as error:
            table.skipped.append(Skipped(f"{file.name}, image {number}", f"{error!r}; {_KARPATHY}"))
            continue
        split = {"restval": "train"}.get(split, split)
        table.rows += [Row(name, caption, split=split) for caption in captions if caption]
        table.skipped += [Skipped(name, "it has an empty caption") for text in captions if not text]
    if not table.rows:
        why = f" ({table.skipped[0].why})" if table.skipped else ""
        raise DataError(f"{file} is not a Karpathy split with captions{why}; {_KARPATHY}")
    return table


def karpathy_file(path: Path) -> Path:
    """Return the JSON of Karpathy's splits, given itself or the folder that holds it.

    Raises:
        DataError: the folder holds none, or several.
    """
    if not path.is_dir():
        return path
    found = sorted(path.glob("dataset*.json"))
    if len(found) != 1:
        raise DataError(f"{path} holds {len(found)} files dataset*.json; name the one to read")
    return found[0]


def read_csv(path: Path) -> Table:
    """Read a table with file and caption columns; more columns become metadata."""
    file = path if path.is_file() else _first_file(path, ("captions.csv", "captions.tsv"))
    rows, skipped, notes = read_rows(file)
    return Table(rows, _image_roots(file.parent), skipped, notes=notes)


def read_jsonl(path: Path) -> Table:
    """Read one JSON object a line, with file and caption or captions."""
    file = path if path.is_file() else _first_file(path, ("captions.jsonl", "metadata.jsonl"))
    rows, skipped, notes = read_rows(file)
    return Table(rows, _image_roots(file.parent), skipped, notes=notes)


def _with_splits(tokens: Path, splits: dict[str, str], roots: list[Path]) -> Table:
    rows, skipped, notes = read_rows(tokens)
    if splits:
        rows = [Row(r.file, r.caption, r.metadata, splits.get(r.file, "")) for r in rows]
    listed = {row.file for row in rows}
    skipped += [Skipped(n, "it is in a split, but has no caption") for n in splits.keys() - listed]
    return Table(rows, roots, skipped, notes=notes)


def _image_roots(path: Path) -> list[Path]:
    names = ("images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset", "flickr30k-images")
    return [path, *(path / name for name in names if (path / name).is_dir())]


def _lines_of(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return [line for line in lines_of(decode_text(path.read_bytes())[0]) if line.strip()]


def _first_file(path: Path, names: Sequence[str]) -> Path:
    for name in names:
        if (path / name).is_file():
            return path / name
    raise DataError(f"{path} holds none of {', '.join(names)}; check the path")
