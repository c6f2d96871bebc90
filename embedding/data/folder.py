"""A folder of pictures as a data set, with captions from a file or from the pictures' names."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath

from embedding.data.captions import Row, Skipped, read_rows
from embedding.data.decode import HAS_HEIC, IMAGE_SUFFIXES
from embedding.data.layouts import Table
from embedding.data.names import caption_from_name, spellings
from embedding.data.remote import RemoteFile, RemoteFolder, Root
from embedding.errors import DataError

__all__ = ["read_folder"]

_CAPTION_FILES = ("captions.csv", "captions.jsonl", "captions.txt", "captions.tsv", "results.csv")
# Hugging Face's image folders have one in each folder, about the pictures beside it.
_METADATA_FILES = ("metadata.jsonl", "metadata.csv")
# Pictures to people, but in formats that are not opened.
_NOT_OPENED = {
    *(".heic", ".heif", ".hif", ".psd", ".psb", ".xcf", ".kra", ".svg", ".eps", ".ai"),
    *(".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"),
    *(".jxl", ".jp2", ".j2k", ".jxr", ".ico", ".icns", ".tga", ".dds", ".exr", ".hdr", ".pcx"),
    *(".ppm", ".pgm", ".pnm"),
}.difference(IMAGE_SUFFIXES)


def read_folder(path: Root, caption_file: Path | None = None) -> Table:
    """Read every picture under a folder, with captions from a file or from the names.

    A folder may lie somewhere else (see ``RemoteFolder``). Of a web server those pictures are taken
    that the given caption file names; without one it must list what it has.

    Hidden files and folders are left out. Links are followed, except those to folders around
    this one or inside it. The caption file is the one that is given, else one in the folder, else
    each ``metadata.jsonl`` or ``metadata.csv`` at any depth.

    Raises:
        DataError: this is no folder, or the caption file cannot be read.
    """
    if isinstance(path, RemoteFolder):
        table = Table([], [])
        files = _remote_files(path, caption_file)
    elif path.is_dir():
        table = Table([], [path])
        files = sorted(_visible_files(path, table.skipped))
    else:
        raise DataError(f"{path} is not a folder; give a folder of pictures")
    names = [name for name in files if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES]
    caption_files = _caption_files(path, caption_file, files)
    captions = _captions(path, caption_files, names, table)
    captioned = [name for name in names if any(row.caption for row in captions.get(name, ()))]
    if caption_files:
        read = sum(bool(row.caption) for name in captioned for row in captions[name])
        more = f" and {len(caption_files) - 1} more" if len(caption_files) > 1 else ""
        table.notes.append(
            f"{caption_files[0].name}{more}: captions read: {read:,}, for {len(captioned):,} of "
            f"{len(names):,} pictures"
        )
    if isinstance(path, RemoteFolder):
        table.files = {name: path / name for name in names}
    for name in names:
        rows = captions.pop(name, [])
        table.rows += rows
        if not any(row.caption for row in rows):
            table.rows.append(Row(name, caption_from_name(name)))
    table.skipped += [
        Skipped(name, "it has captions, but there is no such file") for name in captions
    ]
    table.notes += _not_opened(files)
    return table


def _remote_files(folder: RemoteFolder, caption_file: Path | None) -> list[str]:
    if not (folder.is_web and caption_file):
        return sorted({*folder.names()})
    rows = read_rows(caption_file).rows
    return sorted({row.file.removeprefix(f"{folder}/") for row in rows})


def _caption_files(
    path: Root, given: Path | None, files: Sequence[str]
) -> Sequence[Path | RemoteFile]:
    if given:
        return [given]
    for name in _CAPTION_FILES:
        if name in files:
            return [path / name]
    return [path / name for name in files if PurePosixPath(name).name in _METADATA_FILES]


def _captions(
    path: Root, caption_files: Sequence[Path | RemoteFile], names: Sequence[str], table: Table
) -> dict[str, list[Row]]:
    """Return the rows of each picture, and under their own names those of no picture."""
    by_spelling = {unicodedata.normalize("NFC", name): name for name in names}
    by_spelling |= {name: name for name in names}
    captions: dict[str, list[Row]] = {}
    for file in caption_files:
        read = read_rows(file)
        table.skipped += read.skipped
        table.notes += read.notes
        folder = _folder_of(file, path)
        # A name may be absolute too.
        root = path if isinstance(path, Path) else Path("/")
        for row in read.rows:
            asked = (folder / row.file.removeprefix(f"{path}/")).as_posix()
            name = next((by_spelling[s] for s in spellings(asked, root) if s in by_spelling), asked)
            captions.setdefault(name, []).append(replace(row, file=name))
    return captions


def _folder_of(file: Path | RemoteFile, path: Root) -> PurePath:
    """Return the folder below the gallery's that the names in a caption file start from."""
    if file.name in _METADATA_FILES:
        if isinstance(file, RemoteFile):
            return PurePosixPath(file.path).parent
        if isinstance(path, Path) and file.is_relative_to(path):
            return file.parent.relative_to(path)
    return PurePosixPath()


def _not_opened(files: Sequence[str]) -> list[str]:
    """Return a sentence on the pictures of formats that are not opened, if there are any."""
    suffixes = Counter(PurePosixPath(name).suffix.lower() for name in files)
    counts = [f"{n} {suffix}" for suffix, n in suffixes.most_common() if suffix in _NOT_OPENED]
    if not counts:
        return []
    heic = "" if HAS_HEIC else "; the extra heic opens HEIC: pip install 'showtell[heic]'"
    return [f"files of formats that are not opened: {', '.join(counts)}{heic}"]


def _visible_files(root: Path, skipped: list[Skipped]) -> Iterator[str]:
    """Yield the names of all files below a folder, links followed; note what cannot be listed."""
    home = root.resolve()
    entered = {home}

    def enters(folder: Path) -> bool:
        try:
            target = folder.resolve(strict=True)
        except (OSError, RuntimeError):  # a loop of links
            return False
        if target in entered:
            return False
        if folder.is_symlink() and (target.is_relative_to(home) or home.is_relative_to(target)):
            return False
        entered.add(target)
        return True

    def note(error: OSError) -> None:
        skipped.append(Skipped(str(error.filename), error.strerror or str(error)))

    for folder, folders, files in os.walk(root, onerror=note, followlinks=True):
        here = Path(folder)
        folders[:] = [
            name for name in sorted(folders) if not name.startswith(".") and enters(here / name)
        ]
        yield from (
            (here / name).relative_to(root).as_posix() for name in files if not name.startswith(".")
        )
