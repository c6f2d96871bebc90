"""WebDataset shards: pictures and captions in tar files, for sets that do not fit on a disk twice.

A sample is a picture and its texts, files of one name: ``000123.jpg`` with ``000123.txt`` (a
caption a line) or ``000123.json`` (``caption`` or ``captions``). Shards are read once, header by
header; a picture's bytes are read from its place in the shard when they are wanted. That takes
the standard library's tarfile: the webdataset package streams samples, and tells no places.

Source: the WebDataset format (Aizman, Maltby and Breuel, 2019).
"""

import json
import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from embedding.data.captions import Row, Skipped, captions_in
from embedding.data.decode import IMAGE_SUFFIXES
from embedding.data.layouts import Table
from embedding.errors import DataError

__all__ = ["TarMember", "expand_pattern", "read_webdataset"]

_MOST_TEXT = 1_000_000
"""Bytes of captions of one picture; more is no caption."""
_SPLIT = re.compile(r"(?:^|[/._-])(train|val|validation|dev|test)(?=[/._-]|\d)")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")


@dataclass(frozen=True, slots=True)
class TarMember:
    """A picture inside a tar file.

    Attributes:
        shard: the tar file.
        member: the picture's name in it.
        offset: where its bytes begin.
        size: how many they are.
    """

    shard: Path
    member: str
    offset: int
    size: int

    @property
    def name(self) -> str:
        """The name without folders."""
        return PurePosixPath(self.member).name

    def read_bytes(self) -> bytes:
        """Return its bytes; fewer, if the shard has become shorter."""
        with self.shard.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)

    def stat(self) -> os.stat_result:
        """Return what is known of the shard: the picture is as old as it."""
        return self.shard.stat()

    def absolute(self) -> str:
        """Return what names it among all pictures of this machine."""
        return f"{self.shard.absolute()}/{self.member}@{self.offset}"


@dataclass
class _Sample:
    """Files of one name that follow each other."""

    key: str
    picture: TarMember | None = None
    texts: dict[str, bytes] = field(default_factory=dict)


def read_webdataset(pattern: str) -> Table:
    """Read the shards that a folder holds, or that a pattern names.

    A sample's official split is what its JSON says (``split``), else train, val or test where the
    shard's name or its folder's has that word. Damaged shards and samples are left out and named.

    Args:
        pattern: a folder, searched at any depth, or a path with braces, ``{000..099}`` or
            ``{a,b}``, or wildcards.

    Raises:
        DataError: there are no shards.
    """
    shards = _find_shards(pattern)
    root = Path(os.path.commonpath([shard.parent for shard in shards]))
    table = Table([], [root])
    for shard in shards:
        name = shard.relative_to(root).as_posix()
        told = _SPLIT.search(name)
        split = told[1] if told else ""
        for found in _samples(shard, name):
            if isinstance(found, Skipped):
                table.skipped.append(found)
            else:
                _take(table, found, f"{name}/", split)
    return table


def expand_pattern(pattern: str) -> list[str]:
    """Return what a pattern with braces stands for: ``a-{08..10}`` is a-08, a-09 and a-10."""
    opened = re.search(r"\{([^{}]*)\}", pattern)
    if opened is None:
        return [pattern]
    inner = opened[1]
    if numbers := _RANGE.fullmatch(inner):
        first, last = numbers.groups()
        parts = [str(n).zfill(len(first)) for n in range(int(first), int(last) + 1)]
    else:
        parts = inner.split(",")
    start, end = pattern[: opened.start()], pattern[opened.end() :]
    return [whole for part in parts for whole in expand_pattern(f"{start}{part}{end}")]


def _find_shards(pattern: str) -> list[Path]:
    path = Path(pattern).expanduser()
    if path.is_dir():
        shards = sorted(file for file in path.rglob("*.tar") if not file.name.startswith("."))
        if not shards:
            raise DataError(f"{path} holds no shards; it must hold files *.tar, not compressed")
        return shards
    shards = []
    for name in expand_pattern(str(path)):
        named = Path(name)
        anchor = Path(named.anchor)
        found = [named] if named.is_file() else sorted(anchor.glob(str(named.relative_to(anchor))))
        if not found:
            raise DataError(f"there is no shard {name}, given as {pattern!r}; check the pattern")
        shards += found
    return list(dict.fromkeys(shards))


def _take(table: Table, sample: _Sample, prefix: str, split: str) -> None:
    """Add a sample to the table, or to what was left out."""
    if sample.picture is None:
        table.skipped.append(Skipped(prefix + sample.key, "it has no picture"))
        return
    name = prefix + sample.picture.member
    if name in table.files:
        table.skipped.append(Skipped(name, "its shard holds two of this name"))
        return
    try:
        captions, split = _texts(sample, split)
    except ValueError as error:
        table.skipped.append(Skipped(name, f"its captions cannot be read: {error}"))
        return
    if not captions:
        table.skipped.append(Skipped(name, "it has an empty caption, or none"))
        return
    table.files[name] = sample.picture
    table.rows += [Row(name, caption, split=split) for caption in captions]


def _texts(sample: _Sample, split: str) -> tuple[list[str], str]:
    """Return the captions and the split of a sample; a text file goes before JSON's caption."""
    captions: list[str] = []
    if "txt" in sample.texts:
        captions = sample.texts["txt"].decode("utf-8").splitlines()
    if "json" in sample.texts:
        record = json.loads(sample.texts["json"])
        if not isinstance(record, dict):
            raise ValueError("the JSON is not an object")
        captions = captions or [text for text in captions_in(record) if isinstance(text, str)]
        split = str(record.get("split", split))
    cleaned = [" ".join(caption.split()) for caption in captions]
    return [caption for caption in cleaned if caption], split


def _samples(shard: Path, name: str) -> Iterator[_Sample | Skipped]:
    """Yield a shard's samples, and at its end what is wrong with it."""
    sample: _Sample | None = None
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in _members(tar):
                key, extension = _split_name(member.name)
                if not member.isfile() or not key:
                    continue
                if sample is None or sample.key != key:
                    if sample is not None:
                        yield sample
                    sample = _Sample(key)
                if f".{extension}" in IMAGE_SUFFIXES and sample.picture is None:
                    sample.picture = TarMember(shard, member.name, member.offset_data, member.size)
                elif extension in ("txt", "json") and member.size <= _MOST_TEXT:
                    content = tar.extractfile(member)
                    sample.texts[extension] = content.read() if content else b""
    except (tarfile.TarError, OSError, EOFError) as error:
        yield Skipped(name, f"the shard is damaged, what follows in it is left out: {error}")
    if sample is not None:
        yield sample


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members; unlike tarfile's own loop, keep none and take no damage for the end."""
    while (member := tar.next()) is not None:
        yield member
        tar.members.clear()  # type: ignore[attr-defined]  # documented nowhere, but public
    if tar.fileobj is not None:
        tar.fileobj.seek(tar.offset)
        rest = tar.fileobj.read(tarfile.BLOCKSIZE)
        if rest.strip(b"\0"):
            raise tarfile.ReadError(f"no file begins at byte {tar.offset}")


def _split_name(member: str) -> tuple[str, str]:
    """Return a sample's key and a file's extension as WebDataset divides them; "" if hidden."""
    folder, slash, file = member.rpartition("/")
    stem, _, extension = file.partition(".")
    return f"{folder}{slash}{stem}" if stem else "", extension.lower()
