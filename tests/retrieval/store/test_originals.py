"""Which files outside the gallery's folder may be shown: those that were indexed, no others."""

import hashlib
from pathlib import Path

import pytest

from retrieval.errors import GalleryError
from retrieval.store.originals import find_original

PICTURE = b"the picture"
SHA256 = hashlib.sha256(PICTURE).hexdigest()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A gallery's folder with links to what lies beside it."""
    root = tmp_path / "root"
    root.mkdir()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.jpg").write_bytes(PICTURE)
    (outside / "secret").write_text("secret")
    (root / "link.jpg").symlink_to(outside / "a.jpg")
    (root / "folder").symlink_to(outside)
    (root / "own.jpg").write_bytes(b"changed since")
    return root


@pytest.mark.parametrize("name", ["link.jpg", "folder/a.jpg"])
def test_a_linked_picture_is_found_where_it_lies(root: Path, name: str) -> None:
    assert find_original(root, name, SHA256) == (root.parent / "outside" / "a.jpg").resolve()


def test_a_file_of_the_folder_itself_is_shown_as_it_is_now(root: Path) -> None:
    assert find_original(root, "own.jpg", SHA256) == (root / "own.jpg").resolve()


def test_a_link_turned_elsewhere_after_indexing_shows_nothing(root: Path) -> None:
    (root / "link.jpg").unlink()
    (root / "link.jpg").symlink_to(root.parent / "outside" / "secret")
    with pytest.raises(GalleryError, match="not to the picture that was indexed"):
        find_original(root, "link.jpg", SHA256)


def test_a_linked_file_that_changed_shows_nothing(root: Path) -> None:
    assert find_original(root, "link.jpg", SHA256)
    (root.parent / "outside" / "a.jpg").write_bytes(b"another picture")
    with pytest.raises(GalleryError, match="not to the picture that was indexed"):
        find_original(root, "link.jpg", SHA256)


@pytest.mark.parametrize("name", ["../outside/a.jpg", "folder/../../outside/a.jpg", "{absolute}"])
def test_a_name_never_leads_out_even_to_the_right_bytes(root: Path, name: str) -> None:
    name = name.format(absolute=root.parent / "outside" / "a.jpg")
    with pytest.raises(GalleryError, match="leaves the gallery"):
        find_original(root, name, SHA256)


def test_a_large_file_outside_is_not_even_hashed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.store.originals.MAX_BYTES", len(PICTURE) - 1)
    with pytest.raises(GalleryError, match="leaves the gallery"):
        find_original(root, "link.jpg", SHA256)
