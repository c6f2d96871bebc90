"""The pictures that are to be indexed, and what is read of each."""

import hashlib
import os
import stat
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from embedding.data.decode import MAX_BYTES, Decoded, ImageError, camera_dates, decode_image
from embedding.data.pairs import Pairs
from embedding.data.remote import RemoteFile, Root
from retrieval.errors import RetrievalError
from retrieval.store.filters import normalize_date

__all__ = [
    "Candidate",
    "Rejected",
    "Source",
    "candidates_from_pairs",
    "read_source",
]

# Unicode categories that no name may hold: control characters, line and paragraph separators, and
# the surrogates by which Python writes bytes that are no UTF-8. Everything else is a name: spaces
# of any width, joiners, soft hyphens.
_NO_TEXT = ("Cc", "Cs", "Zl", "Zp")


@dataclass(frozen=True)
class Candidate:
    """A picture to be indexed.

    Attributes:
        path: its file, absolute or relative to the gallery's root.
        captions: what it shows; may be empty.
        metadata: whatever else is known of it, to filter by.
    """

    path: Path
    captions: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """The file of a candidate as it was found.

    Attributes:
        path: below the gallery's root, with forward slashes.
        sha256: of its bytes, in hex.
        data: its bytes.
        taken: when the camera took it, as YYYY-MM-DD; None where it does not say.
    """

    path: str
    sha256: str
    data: bytes
    taken: str | None = None

    def decode(self) -> Decoded:
        """Return the picture as small upright RGB, with the size that the file has.

        Raises:
            Rejected: the bytes are no usable picture.
        """
        try:
            return decode_image(self.data)
        except ImageError as error:
            raise Rejected(self.path, str(error)) from None


class Rejected(RetrievalError):
    """A candidate cannot be indexed; the others can."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")
        self.what = what
        self.why = why


def read_source(candidate: Candidate, root: Root) -> Source:
    """Read a candidate's file.

    Args:
        candidate: what to read.
        root: the gallery's root, resolved.

    Raises:
        Rejected: it is missing, unreadable or too large, or its name leads out of the root. A
            link inside the root may lead out of it: the gallery shows what was indexed, no more
            (see retrieval.store.originals).
        PicturesUnavailable: what holds it does not answer.
    """
    path = root / candidate.path
    if any(unicodedata.category(character) in _NO_TEXT for character in str(path)):
        raise Rejected(
            ascii(str(candidate.path)),
            "its name is not valid text (damaged bytes, or a line break or control character in "
            "it); rename the file",
        )
    try:
        name = _name_below(path, root)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Rejected(str(candidate.path), "is not a regular file")
        if status.st_size > MAX_BYTES:
            raise Rejected(
                str(candidate.path),
                f"has {status.st_size:,} bytes, more than the {MAX_BYTES:,} allowed",
            )
        data = path.read_bytes()
    except ValueError:
        raise Rejected(str(candidate.path), f"lies outside the gallery's root {root}") from None
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, until Python 3.12
        why = getattr(error, "strerror", None) or str(error)
        raise Rejected(str(candidate.path), why) from None
    return Source(name, hashlib.sha256(data).hexdigest(), data, _date_taken(data))


def _name_below(path: Path | RemoteFile, root: Root) -> str:
    """Return the name below the root, with forward slashes; links in it keep their own names.

    Raises:
        ValueError: it lies outside, also when the links before its last part are followed.
    """
    if isinstance(path, RemoteFile):
        if ".." in PurePosixPath(path.path).parts:
            raise ValueError
        return path.path
    named = Path(os.path.normpath(path))
    if not named.is_relative_to(str(root)):
        # The root was reached through a link of its own.
        named = named.parent.resolve() / named.name
    return named.relative_to(str(root)).as_posix()


def _date_taken(data: bytes) -> str | None:
    """Return the date of a picture's EXIF data as YYYY-MM-DD; None without a sound one."""
    dates = (normalize_date(text.rstrip("\0")) for text in camera_dates(data))
    return next((date for date in dates if date), None)


def candidates_from_pairs(pairs: Pairs) -> list[Candidate]:
    """Return the images of a data set as candidates, each with its captions and metadata.

    Raises:
        RetrievalError: the data set has no image files (only precomputed features).
    """
    if pairs.image_paths is None:
        raise RetrievalError(
            f"the data set {pairs.name!r} has no image files, only features; "
            "index the folder that holds the pictures"
        )
    paths = [path for path in pairs.image_paths if isinstance(path, Path | RemoteFile)]
    if len(paths) < len(pairs.image_paths):
        raise RetrievalError(
            f"the data set {pairs.name!r} keeps its pictures inside larger files, and a gallery "
            "shows files; unpack them into a folder and index that"
        )
    known = pairs.metadata or [{} for _ in paths]
    return [
        Candidate(_path_of(path), tuple(texts), dict(metadata))
        for path, texts, metadata in zip(paths, pairs.captions_by_image(), known, strict=True)
    ]


def _path_of(path: Path | RemoteFile) -> Path:
    return Path(path.path) if isinstance(path, RemoteFile) else path.absolute()
