"""Folders of pictures on an object store or a web server: s3://, gs://, https://, by fsspec.

A folder is an address, a picture a name below it. Nothing is asked for before it is needed, one
picture is in memory at a time, and every request ends: what does not answer is said in a sentence.
"""

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from embedding.data.decode import MAX_BYTES
from embedding.errors import DataError, PicturesUnavailable

__all__ = ["RemoteFile", "RemoteFolder", "Root", "folder_at", "is_remote", "resolved"]

# How long an answer may take: a word about a picture, a picture, all names of a folder.
_PATIENCE_S, _READING_S, _LISTING_S = 10.0, 60.0, 300.0
_BYTES_A_SECOND = 1_000_000
# Of an indexing; whoever looks at a picture asks again by himself.
_ATTEMPTS, _PAUSE_S = 3, 1.0
_LATER = (408, 429)
"""What a web server answers that wants to be asked again."""
_EXTRAS = {"s3": "s3", "gs": "gs", "gcs": "gs", "http": "https", "https": "https"}


def is_remote(address: str) -> bool:
    """Tell whether an address is none of this machine's folders, which never hold ``://``."""
    return "://" in address


@dataclass(frozen=True)
class RemoteFolder:
    """A folder somewhere else.

    Attributes:
        address: such as s3://bucket/folder, without a slash at the end.
    """

    address: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        if parts.scheme not in _EXTRAS:
            raise DataError(
                f"pictures cannot be read from {parts.scheme}://; give a folder of this machine, "
                "or s3://, gs:// or https://"
            )
        if not parts.netloc:
            raise DataError(f"{self.address} names no place; write {parts.scheme}://NAME/FOLDER")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise DataError(
                "the address of the pictures holds a login or parameters; write it without, and "
                "give the login as the store's own environment variables"
            )
        object.__setattr__(self, "address", self.address.rstrip("/"))

    def __str__(self) -> str:
        return self.address

    def __truediv__(self, name: str | PurePath) -> "RemoteFile":
        return RemoteFile(self, PurePosixPath(name).as_posix())

    @property
    def is_web(self) -> bool:
        """Whether it lies on a web server, which may not list what it has."""
        return self.address.startswith("http")

    def names(self) -> Iterator[str]:
        """Yield the names of all files below it, hidden files and folders left out.

        Raises:
            DataError: there is no such folder, or it may not be listed.
            PicturesUnavailable: the store does not answer.
        """
        files, start = self.open()
        waiting, entered = [start], {start}
        while waiting:
            folder = waiting.pop()
            try:
                with _named_failures(self.address):
                    entries = files.ls(folder, detail=True, timeout=_LISTING_S)
            except OSError:
                raise DataError(
                    f"{self.address} cannot be listed: it does not exist, or may not be read"
                ) from None
            for entry in entries:
                path = entry["name"].rstrip("/")
                name = path.removeprefix(f"{start}/")
                # A page of a web server has links to anywhere; a folder may name itself.
                if name == path or PurePosixPath(name).name.startswith("."):
                    continue
                if entry["type"] != "directory":
                    yield unquote(name) if self.is_web else name
                elif path not in entered:
                    entered.add(path)
                    waiting.append(path)

    def place_of(self, name: str) -> str:
        """Return the address of a file below it."""
        return f"{self.address}/{quote(name) if self.is_web else name}"

    def open(self) -> tuple[Any, str]:
        """Return fsspec's file system, which is the same for all files, and the way to this."""
        from fsspec.core import url_to_fs

        scheme = self.address.partition(":")[0]
        try:
            files, start = url_to_fs(self.address, use_listings_cache=False)
        except ImportError as error:
            raise DataError(
                f"reading pictures at {scheme}:// needs an extra: "
                f"pip install 'showtell[{_EXTRAS[scheme]}]' ({error})"
            ) from None
        return files, start.rstrip("/")


@dataclass(frozen=True)
class RemoteFile:
    """A picture in a folder somewhere else; see ``ImageFile``.

    Attributes:
        folder: the folder.
        path: the name below it, with forward slashes.
        sha256: of the bytes that it must have, in hex; "" where any will do.
    """

    folder: RemoteFolder
    path: str
    sha256: str = ""

    def __str__(self) -> str:
        return self.folder.place_of(self.path)

    @property
    def name(self) -> str:
        """The name without folders."""
        return PurePosixPath(self.path).name

    def absolute(self) -> str:
        """Return the address."""
        return str(self)

    def stat(self) -> os.stat_result:
        """Return its size, all that is known of it without reading it.

        Raises:
            OSError: it is not there, or may not be read.
            PicturesUnavailable: the store does not answer.
        """
        size = self._try("info", timeout=_PATIENCE_S)["size"] or 0
        return os.stat_result((stat.S_IFREG | 0o444, 0, 0, 1, 0, 0, size, 0, 0, 0))

    def read_bytes(self) -> bytes:
        """Return the bytes; raises as ``stat`` does."""
        data: bytes = self._try("cat_file", timeout=_READING_S)
        return data

    def fetch(self, target: Path) -> None:
        """Write the bytes into a file of this machine.

        Raises:
            OSError: as ``stat``; it has other bytes than it must have.
            PicturesUnavailable: the store does not answer.
        """
        size = self._ask("info", timeout=_PATIENCE_S)["size"] or 0
        if size > MAX_BYTES:
            raise FileNotFoundError(f"{self} has {size:,} bytes; {MAX_BYTES:,} are allowed")
        self._ask("get_file", str(target), timeout=_PATIENCE_S + size / _BYTES_A_SECOND)
        with target.open("rb") as file:
            if self.sha256 and hashlib.file_digest(file, "sha256").hexdigest() != self.sha256:
                raise FileNotFoundError(f"{self} is not the picture that was indexed")

    def write_bytes(self, data: bytes) -> None:
        """Put bytes in its place, whole or not at all; raises as ``stat`` does."""
        self._ask("pipe_file", data, timeout=_PATIENCE_S)

    def _try(self, what: str, *args: object, timeout: float) -> Any:
        """Ask, and ask again where the store did not answer."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._ask(what, *args, timeout=timeout)
            except PicturesUnavailable:
                time.sleep(_PAUSE_S)
        return self._ask(what, *args, timeout=timeout)

    def _ask(self, what: str, *args: object, timeout: float) -> Any:
        files, start = self.folder.open()
        place = str(self) if self.folder.is_web else f"{start}/{self.path}"
        with _named_failures(str(self)):
            return getattr(files, what)(place, *args, timeout=timeout)


Root = Path | RemoteFolder
"""Where the pictures of a gallery lie."""


def folder_at(place: str) -> Root:
    """Return the folder at an address, or at a path of this machine."""
    return RemoteFolder(place) if is_remote(place) else Path(place)


def resolved(root: Root) -> Root:
    """Return a folder with the links of this machine resolved."""
    return root.resolve() if isinstance(root, Path) else root


@contextmanager
def _named_failures(address: str) -> Iterator[None]:
    """Tell a picture that is not there, an OSError, from a store that does not answer."""
    try:
        yield
    except Exception as error:  # each store's library raises its own
        if _is_gone(error):
            raise FileNotFoundError(f"{address} does not exist, or may not be read") from error
        raise PicturesUnavailable(f"{address} does not answer: {_reason(error)}") from error


def _is_gone(error: BaseException) -> bool:
    if isinstance(error, FileNotFoundError) and error.__cause__:
        # fsspec says so of whatever went wrong with a web server.
        error = error.__cause__
        if not isinstance(error, OSError) and not type(error).__module__.startswith("aiohttp"):
            return True
    status = getattr(error, "status", 0)
    is_refused = 400 <= status < 500 and status not in _LATER
    return is_refused or isinstance(error, FileNotFoundError | PermissionError)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
