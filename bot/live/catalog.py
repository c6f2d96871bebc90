"""Where the gallery lies, and which of its versions a server takes."""

from __future__ import annotations

import logging
from contextlib import suppress

from bot.errors import UnknownVersion
from bot.settings import Settings, SettingsError
from retrieval.bundle.catalog import BundleCatalog, Catalog
from retrieval.errors import BundleError, StoreUnavailable

logger = logging.getLogger(__name__)


def open_catalog(settings: Settings) -> Catalog:
    """Return the catalog of the gallery: in PostgreSQL if one is named, else a bundles directory.

    Raises:
        SettingsError: neither is named.
        BundleError: PostgreSQL needs a package that only an extra brings.
    """
    if settings.store is not None:
        # Its packages come with an extra.
        from retrieval.postgres.catalog import PostgresCatalog

        models = settings.models or settings.data_dir / "gallery-models"
        return PostgresCatalog(settings.store, models)
    if settings.bundles is None:
        raise SettingsError(
            "SHOWTELL_BUNDLES is not set: name the directory of the bundles (--bundles), or a "
            "PostgreSQL (--store, SHOWTELL_STORE)."
        )
    return BundleCatalog(settings.bundles)


def versions_to_try(catalog: Catalog) -> list[str]:
    """Return the live version, then the older ones, then the newer ones; newest first.

    Raises:
        StoreUnavailable: the server that holds the gallery does not answer.
    """
    try:
        current = catalog.current()
    except StoreUnavailable:
        raise
    except BundleError as error:
        logger.error("nothing is published: %s", error)
        is_named = catalog.is_named()  # but cannot be had
        return catalog.versions()[::-1] if is_named else []
    versions = catalog.versions()
    place = versions.index(current)
    return versions[place::-1] + versions[:place:-1]


def next_version(catalog: Catalog, serving: str | None) -> str:
    """Return the live version if that is not served yet, else the newest.

    Raises:
        UnknownVersion: there is none.
        StoreUnavailable: the server that holds the gallery does not answer.
    """
    with suppress(BundleError):
        live = catalog.current()
        if live != serving:
            return live
    versions = catalog.versions()
    if not versions:
        raise UnknownVersion(f"there is no bundle in {catalog.name}; run `showtell index`")
    return versions[-1]
