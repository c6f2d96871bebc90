"""Where the settings say that the gallery lies."""

import sys
from pathlib import Path

import pytest

from bot.live.catalog import open_catalog
from bot.settings import SettingsError, load_settings
from retrieval.bundle.catalog import BundleCatalog
from retrieval.errors import BundleError
from retrieval.postgres.catalog import PostgresCatalog

URL = "postgresql://ann:secret@db.example/gallery"


def test_bundles_unless_a_database_is_named(tmp_path: Path) -> None:
    assert isinstance(open_catalog(load_settings(bundles=tmp_path)), BundleCatalog)
    catalog = open_catalog(load_settings(bundles=tmp_path, store=URL, data_dir=tmp_path))
    assert isinstance(catalog, PostgresCatalog)
    assert catalog.name == "postgresql://db.example/gallery"
    catalog.close()


def test_neither_is_refused_and_so_is_another_database() -> None:
    with pytest.raises(SettingsError, match=r"SHOWTELL_BUNDLES is not set.*SHOWTELL_STORE"):
        open_catalog(load_settings())
    with pytest.raises(SettingsError, match="SHOWTELL_STORE") as refused:
        load_settings(store="mysql://ann:secret@db.example/gallery")
    assert "secret" not in str(refused.value)


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for name in ("database", "catalog"):
        monkeypatch.delitem(sys.modules, f"retrieval.postgres.{name}", raising=False)
        monkeypatch.delattr(f"retrieval.postgres.{name}", raising=False)
    with pytest.raises(BundleError, match=r"needs psycopg: pip install 'showtell\[postgres\]'"):
        open_catalog(load_settings(store=URL, data_dir=tmp_path))
