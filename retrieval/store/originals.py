"""Where the file of an indexed picture lies, and whether it may be shown.

People keep folders of links to photographs that lie elsewhere, so a link inside the gallery's
folder may lead out of it. What makes that safe is the picture's hash: a file outside the folder is
shown only while its bytes are those that were indexed. A link that is pointed at another file
afterwards shows nothing, whoever did it, and a name can never lead out by itself. The same hash
holds for a picture on an object store or a web server.
"""

import functools
from pathlib import Path, PurePosixPath

from embedding.data.decode import MAX_BYTES
from embedding.data.remote import RemoteFile, RemoteFolder, Root
from retrieval.errors import GalleryError
from retrieval.store.files import sha256_of

__all__ = ["find_original"]


def find_original(root: Root, name: str, sha256: str) -> Path | RemoteFile:
    """Return a picture's file with all links resolved; one somewhere else is not asked for yet.

    Args:
        root: the gallery's folder; may itself be a link.
        name: where the picture lies below it, with forward slashes.
        sha256: of the picture's bytes when it was indexed, in hex.

    Raises:
        GalleryError: the name leads out of the folder, or a link leads to other bytes.
        OSError, RuntimeError, ValueError: there is no such file, or a loop of links.
    """
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        raise GalleryError(f"the path {name[:80]!r} leaves the gallery; refused")
    if isinstance(root, RemoteFolder):
        return RemoteFile(root, name, sha256)
    root = root.resolve(strict=True)
    path = (root / parts).resolve(strict=True)
    if path.is_file() and (path.is_relative_to(root) or _holds(path, sha256)):
        return path
    raise GalleryError(
        f"{name[:80]!r} leaves the gallery, and not to the picture that was indexed; refused"
    )


def _holds(path: Path, sha256: str) -> bool:
    status = path.stat()
    if status.st_size > MAX_BYTES:
        return False
    return _sha256(path, status.st_mtime_ns, status.st_size) == sha256


@functools.lru_cache(maxsize=4096)
def _sha256(path: Path, _changed: int, _size: int) -> str:
    """Hash a file once for each time that it changed."""
    return sha256_of(path)
