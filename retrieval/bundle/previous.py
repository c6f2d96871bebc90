"""What an earlier bundle of the same model knows already, so that it is not encoded again."""

import logging
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from retrieval.bundle.manifest import STORE, Manifest
from retrieval.bundle.versions import list_versions
from retrieval.errors import RetrievalError
from retrieval.store.embedded import open_store
from retrieval.store.files import sha256_of
from retrieval.store.protocol import Picture, Store
from retrieval.store.vectors import Vectors

__all__ = ["Known", "Previous", "PreviousBundle", "find_previous"]

logger = logging.getLogger(__name__)


class Known(Protocol):
    """What is known of pictures by the content of their files."""

    knows_texts: bool
    """Whether the vectors of captions are those of the model too."""

    def lookup(self, hashes: Sequence[str]) -> tuple[list[Picture], Vectors]:
        """Return the pictures of those contents (sha256 in hex) that are known, and vectors."""

    def caption_vectors(self, rows: Sequence[int]) -> Vectors:
        """Return the vectors (n, dimension) of what the captions of those pictures mean."""


class Previous:
    """The vectors of an earlier version, by the content of the files.

    Attributes:
        knows_texts: whether its vectors of captions are those of the model too.

    Args:
        store: of that version.
        knows_texts: False where only the image side is the same model's.
    """

    def __init__(self, store: Store, *, knows_texts: bool = True) -> None:
        self._store = store
        self.knows_texts = knows_texts

    def lookup(self, hashes: Sequence[str]) -> tuple[list[Picture], Vectors]:
        """Return the pictures of those contents (sha256 in hex) that it has, and their vectors."""
        rows = self._store.rows_of([sha256[:16] for sha256 in hashes])
        return self._store.pictures(rows), self._store.vectors(rows)

    def caption_vectors(self, rows: Sequence[int]) -> Vectors:
        """Return the vectors (n, dimension) of what the captions of rows mean, of this version."""
        return self._store.vectors(rows, "captions")


class PreviousBundle(Previous):
    """An earlier bundle; a context manager."""

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self.directory = directory
        self.manifest = manifest
        for name, record in manifest.files.items():
            if name.startswith(f"{STORE}/") and sha256_of(directory / name) != record.sha256:
                raise RetrievalError(f"{directory.name}/{name} is damaged")
        super().__init__(open_store(directory / STORE))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._store.close()


def find_previous(bundles: Path, fingerprint: str) -> PreviousBundle | None:
    """Return the newest readable bundle that was built with the model of this fingerprint."""
    for version in reversed(list_versions(bundles)):
        directory = bundles / version
        try:
            manifest = Manifest.read(directory)
            if manifest.model_fingerprint == fingerprint:
                return PreviousBundle(directory, manifest)
        except (RetrievalError, OSError) as error:
            logger.warning("nothing is taken over from bundle %s: %s", version, error)
    return None
