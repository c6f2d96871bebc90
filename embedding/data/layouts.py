"""The layouts in which data sets come: which files hold the captions, the splits, the pictures."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding.data.captions import Row, Skipped, caption_from_name, read_rows
from embedding.data.decode import IMAGE_SUFFIXES, ImageFile
from embedding.errors import DataError

__all__ = [
    "Table",
    "find_image",
    "read_csv",
    "read_features",
    "read_flickr8k",
    "read_flickr30k",
    "read_folder",
    "read_jsonl",
    "read_karpathy",
]

_CAPTION_FILES = ("captions.csv", "captions.jsonl", "captions.txt", "captions.tsv", "results.csv")


@dataclass
class Table:
    """What a data set lists.

    Attributes:
        rows: captions, each with the name of its picture.
        roots: the folders in which the pictures may lie.
        skipped: what was left out.
        files: by name, those pictures that are no files of their own.
    """

    rows: list[Row]
    roots: list[Path]
    skipped: list[Skipped] = field(default_factory=list)
    files: dict[str, ImageFile] = field(default_factory=dict)

    def find(self, name: str) -> ImageFile:
        """Return where a picture lies.

        Raises:
            DataError: as ``find_image``.
        """
        return self.files.get(name) or find_image(self.roots, name)


def find_image(roots: Sequence[Path], name: str) -> Path:
    """Return the file of a picture inside one of the folders.

    Raises:
        DataError: it is in none of them, or its name leads out of them.
    """
    for root in roots:
        path = root / name
        if not path.resolve().is_relative_to(root.resolve()):
            raise DataError("the name leads out of the data set's folder")
        if path.is_file():
            return path
    raise DataError(f"no such file in {' or '.join(str(root) for root in roots)}")


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
    file = path
    if path.is_dir():
        found = sorted(path.glob("dataset*.json"))
        if len(found) != 1:
            raise DataError(f"{path} holds {len(found)} files dataset*.json; name the one to read")
        file = found[0]
    try:
        records = json.loads(file.read_text(encoding="utf-8"))["images"]
        rows = [
            Row(
                str(Path(image.get("filepath", "")) / image["filename"]),
                " ".join((sentence["raw"] or "").split()),
                split={"restval": "train"}.get(image["split"], image["split"]),
            )
            for image in records
            for sentence in image["sentences"]
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{file} is not a Karpathy split ({type(error).__name__}: {error}); expected "
            '{"images": [{"filename", "split", "sentences": [{"raw"}]}]}'
        ) from error
    skipped = [Skipped(row.file, "it has an empty caption") for row in rows if not row.caption]
    return Table([row for row in rows if row.caption], _image_roots(file.parent), skipped)


def read_csv(path: Path) -> Table:
    """Read a table with file and caption columns; more columns become metadata."""
    file = path if path.is_file() else _first_file(path, ("captions.csv", "captions.tsv"))
    rows, skipped = read_rows(file)
    return Table(rows, _image_roots(file.parent), skipped)


def read_jsonl(path: Path) -> Table:
    """Read one JSON object a line, with file and caption or captions."""
    file = path if path.is_file() else _first_file(path, ("captions.jsonl", "metadata.jsonl"))
    rows, skipped = read_rows(file)
    return Table(rows, _image_roots(file.parent), skipped)


def read_folder(path: Path, caption_file: Path | None = None) -> Table:
    """Read every picture under a folder, with captions from a file or from the names.

    Hidden files and folders are left out, links to folders are not followed. The caption file is
    the one that is given, else one in the folder.
    """
    if not path.is_dir():
        raise DataError(f"{path} is not a folder; give a folder of pictures")
    table = Table([], [path])
    captions: dict[str, list[Row]] = {}
    beside = (path / name for name in _CAPTION_FILES)
    caption_file = caption_file or next((file for file in beside if file.is_file()), None)
    if caption_file:
        rows, table.skipped = read_rows(caption_file)
        for row in rows:
            captions.setdefault(row.file, []).append(row)
    names = sorted(
        file.relative_to(path).as_posix()
        for file in _visible_files(path)
        if file.suffix.lower() in IMAGE_SUFFIXES
    )
    for name in names:
        told = captions.pop(name, None) or [Row(name, caption_from_name(name))]
        table.rows.extend(told)
    table.skipped += [
        Skipped(name, "it has captions, but there is no such file") for name in captions
    ]
    return table


def _visible_files(path: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder) / name for name in files if not name.startswith("."))


def read_features(
    path: Path,
) -> tuple[list[str], list[str], NDArray[np.int64], NDArray[np.float32], list[Skipped]]:
    """Read precomputed image features: features.npy (n, d) and captions.txt.

    captions.txt has either ``id<TAB>caption`` lines, whose ids come in the order of the rows, or
    plain captions, the same number for each row, one image after the other. Equal neighbouring
    rows (a features file that repeats each image for each of its captions) are one image.

    Returns:
        ids, captions, (n_captions,) image indices, (n_images, d) features, what was left out.

    Raises:
        DataError: a file is missing, or the two do not fit.
    """
    try:
        loaded = np.load(path / "features.npy", allow_pickle=False)
        lines = (path / "captions.txt").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{path} must hold features.npy and captions.txt: {error}") from error
    if loaded.ndim != 2 or not np.issubdtype(loaded.dtype, np.number) or not len(loaded):
        raise DataError(f"features.npy has shape {loaded.shape}; expected (images, numbers)")
    features = loaded.astype(np.float32)
    if not np.isfinite(features).all():
        bad = int(np.flatnonzero(~np.isfinite(features).all(1))[0])
        raise DataError(f"features.npy has a value that is no number in row {bad}; compute it anew")
    lines = [line for line in lines if line.strip()]
    if lines and all("\t" in line for line in lines):
        named = [line.split("\t", 1) for line in lines]
        ids = list(dict.fromkeys(name.rsplit("#", 1)[0].strip() for name, _ in named))
        if len(ids) != len(features):
            raise DataError(
                f"captions.txt names {len(ids)} images, features.npy has {len(features)} rows; "
                "they must be equal and in the same order"
            )
        place = {name: i for i, name in enumerate(ids)}
        told = [(n.rsplit("#", 1)[0].strip(), " ".join(caption.split())) for n, caption in named]
        owners = [place[name] for name, caption in told if caption]
        captions = [caption for _, caption in told if caption]
        skipped = [
            Skipped(name, "it has an empty caption") for name, caption in told if not caption
        ]
        return ids, captions, np.array(owners, dtype=np.int64), features, skipped
    if not lines or len(lines) % len(features):
        raise DataError(
            f"captions.txt has {len(lines)} lines for {len(features)} rows of features.npy; "
            "plain captions must be the same number for each row"
        )
    starts = np.r_[True, (features[1:] != features[:-1]).any(axis=1)]
    row_of_line = np.repeat(np.arange(len(features)), len(lines) // len(features))
    owners_of_row = np.cumsum(starts) - 1
    kept = features[starts]
    ids = [f"{i:06d}" for i in range(len(kept))]
    captions = [line.strip() for line in lines]
    return ids, captions, owners_of_row[row_of_line].astype(np.int64), kept, []


def _with_splits(tokens: Path, splits: dict[str, str], roots: list[Path]) -> Table:
    rows, skipped = read_rows(tokens)
    if splits:
        rows = [Row(r.file, r.caption, r.metadata, splits.get(r.file, "")) for r in rows]
    listed = {row.file for row in rows}
    skipped += [Skipped(n, "it is in a split, but has no caption") for n in splits.keys() - listed]
    return Table(rows, roots, skipped)


def _image_roots(path: Path) -> list[Path]:
    names = ("images", "Images", "Flicker8k_Dataset", "Flickr8k_Dataset", "flickr30k-images")
    return [path, *(path / name for name in names if (path / name).is_dir())]


def _lines_of(path: Path) -> list[str]:
    if not path.is_file():
        return []
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _first_file(path: Path, names: Sequence[str]) -> Path:
    for name in names:
        if (path / name).is_file():
            return path / name
    raise DataError(f"{path} holds none of {', '.join(names)}; check the path")
