"""What an earlier bundle of the same model knows already, so that it is not encoded again."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from retrieval.bundle.manifest import GALLERY, INDEX, MEANINGS, Manifest
from retrieval.bundle.versions import list_versions
from retrieval.errors import RetrievalError
from retrieval.search.captions import Captioned
from retrieval.store.faiss_index import FaissIndex, Vectors
from retrieval.store.files import sha256_of
from retrieval.store.gallery import Gallery

__all__ = ["Known", "PreviousBundle", "find_previous"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """A picture that was encoded before.

    Attributes:
        vector: (dimension,) of its looks.
        width: in pixels.
        height: in pixels.
        captioned: its captions of then with their vector; None where it had none.
    """

    vector: Vectors
    width: int
    height: int
    captioned: Captioned | None


class PreviousBundle:
    """The vectors of an earlier bundle, by the content of the files; a context manager."""

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self.directory = directory
        self.manifest = manifest
        names = [name for name in (INDEX, GALLERY, MEANINGS) if name in manifest.files]
        for name in names:
            if sha256_of(directory / name) != manifest.files[name].sha256:
                raise RetrievalError(f"{directory.name}/{name} is damaged")
        self._index = FaissIndex.load(directory / INDEX)
        self._meanings = FaissIndex.load(directory / MEANINGS) if MEANINGS in names else None
        self._gallery = Gallery.open(directory / GALLERY)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._gallery.close()

    def lookup(self, hashes: Sequence[str]) -> dict[str, Known]:
        """Return what is known of those contents (sha256 in hex) that are in the bundle."""
        rows = self._gallery.rows_of([sha256[:16] for sha256 in hashes])
        vectors = self._index.vectors(np.array(rows, np.int64))
        images = self._gallery.by_rows(rows)
        captioned = [row for row, image in zip(rows, images, strict=True) if image.captions]
        meanings: dict[int, Vectors] = {}
        if self._meanings is not None:
            ids = np.array(captioned, np.int64)
            meanings = dict(zip(captioned, self._meanings.vectors(ids), strict=True))
        return {
            image.sha256: Known(
                vector,
                image.width,
                image.height,
                (image.captions, meanings[row]) if row in meanings else None,
            )
            for row, image, vector in zip(rows, images, vectors, strict=True)
        }


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
