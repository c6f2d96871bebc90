"""Which pictures of a gallery can still be shown: files are moved and removed after indexing."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from embedding.data.remote import RemoteFile
from retrieval.errors import GalleryError
from retrieval.store.protocol import Store

logger = logging.getLogger(__name__)


class ShownPictures:
    """Tells which pictures have a file that can be read; safe to use from several threads.

    A file is opened for no search: what is not there is seen by looking, what is damaged when it
    was asked for once; so is what is missing on an object store or a web server.

    Args:
        store: the gallery.
        on_missing: called for each picture that is left out of an answer.
    """

    def __init__(self, store: Store, on_missing: Callable[[], None] | None = None) -> None:
        # A turn asks for six pictures: where they lie is worth knowing, that they do is looked at.
        self._file = functools.lru_cache(maxsize=10_000)(store.file)
        self._on_missing = on_missing
        self._damaged: dict[str, int] = {}  # image id -> when its file was changed last
        self._told: set[str] = set()

    def can_show(self, image_id: str) -> bool:
        """Tell whether a picture can be shown now; log (once) and count one that cannot."""
        try:
            path = self._file(image_id)
            readable = isinstance(path, RemoteFile) or os.access(path, os.R_OK)
            if readable and self._damaged.get(image_id) != _changed(path):
                return True
        except (GalleryError, OSError):
            pass
        if image_id not in self._told:
            self._told.add(image_id)
            logger.warning("picture %s cannot be read any more and is left out", image_id)
        if self._on_missing:
            self._on_missing()
        return False

    def mark_damaged(self, image_id: str, path: Path | RemoteFile) -> None:
        """Leave a picture out from now on, for as long as its file stays as it is."""
        with suppress(OSError):  # gone by now
            self._damaged[image_id] = _changed(path)


def _changed(path: Path | RemoteFile) -> int:
    """Return when a file was changed last; one elsewhere is not asked, for turns do not wait."""
    return 0 if isinstance(path, RemoteFile) else path.stat().st_mtime_ns
