"""What `showtell search` does: one search, without a conversation."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from retrieval.bundle.catalog import Catalog
from retrieval.errors import GalleryError
from retrieval.search.query import Query
from retrieval.store.protocol import Picture, Store


def search_once(text: str, catalog: Catalog, k: int) -> tuple[list[dict[str, Any]], bool]:
    """Return a row for each of the `k` best pictures, and whether they fit.

    Raises:
        NoBundle: none is live.
        BundleRefused: the live one is damaged.
    """
    with closing(catalog), catalog.open() as bundle:
        result = bundle.searcher.search(Query(texts=(text,)), k)
        rows = [
            {
                "id": hit.image_id,
                "file": _place(bundle.store, hit.picture),
                "score": round(hit.score, 4),
                "caption": hit.caption,
                "reasons": list(hit.reasons),
            }
            for hit in result.hits
        ]
    return rows, result.confident is not False


def _place(store: Store, picture: Picture) -> str:
    """Return where a picture's file lies; one that was deleted since is told."""
    try:
        return str(store.file(picture.image_id))
    except GalleryError:
        return f"{picture.path} (gone; index again)"
