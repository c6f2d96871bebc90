import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.bundle.bundle import Bundle, current_version, publish
from retrieval.bundle.manifest import GALLERY, INDEX, MANIFEST
from retrieval.errors import BundleRefused, GalleryError, NoBundle
from retrieval.search.query import Query
from retrieval.store.faiss_index import FaissIndex, build_index
from retrieval.store.files import sha256_of
from tests.fixtures.bundles import ATTRIBUTION


def test_opens_what_was_published(shapes_bundles: Path, shapes_bundle: Bundle) -> None:
    manifest = shapes_bundle.manifest
    assert shapes_bundle.version == current_version(shapes_bundles) == manifest.version
    assert manifest.count == len(shapes_bundle.index) == len(shapes_bundle.gallery) == 90
    assert manifest.dimension == shapes_bundle.index.dimension == shapes_bundle.model.dimension
    assert manifest.attribution == shapes_bundle.gallery.attribution == ATTRIBUTION
    assert manifest.model_name == "shapes"
    assert {INDEX, GALLERY, "model/modules.json"} <= manifest.files.keys()
    assert set(manifest.versions) >= {"showtell", "torch"}
    assert manifest.created.tzinfo is not None


def test_is_complete_in_itself(bundles_copy: Path, shapes_dir: Path, tmp_path: Path) -> None:
    moved = bundles_copy.rename(tmp_path / "moved")
    elsewhere = Path(shutil.copytree(shapes_dir, tmp_path / "mounted"))
    with Bundle.open(moved, root=elsewhere) as bundle:
        hit = bundle.searcher.search(Query(texts=("a red circle",)), 1).hits[0]
        assert bundle.gallery.resolve(hit.image_id).is_relative_to(elsewhere)


def test_close_closes_the_gallery(shapes_bundles: Path) -> None:
    with Bundle.open(shapes_bundles, verify=False) as bundle:
        assert bundle.gallery.by_rows([0])
    with pytest.raises(GalleryError, match="is closed"):
        bundle.gallery.by_rows([0])


def test_no_such_bundle(shapes_bundles: Path, tmp_path: Path) -> None:
    for version in ("0099-aaaaaaaa", "../..", "/etc"):
        with pytest.raises(NoBundle, match="there is no bundle"):
            Bundle.open(shapes_bundles, version)
    with pytest.raises(NoBundle, match="no bundle is published"):
        Bundle.open(tmp_path)


def edit_manifest(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((directory / MANIFEST).read_text())
    change(manifest)
    (directory / MANIFEST).write_text(json.dumps(manifest))


def record_anew(directory: Path) -> None:
    """Make the manifest agree with the files as they are now."""

    def change(manifest: dict[str, Any]) -> None:
        for name, record in manifest["files"].items():
            record["sha256"] = sha256_of(directory / name)
            record["size"] = (directory / name).stat().st_size

    edit_manifest(directory, change)


def flip_a_byte(directory: Path) -> None:
    path = next((directory / "model").rglob("*.safetensors"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()
    path.write_bytes(bytes(data))


def cut_index(directory: Path) -> None:
    (directory / INDEX).write_bytes((directory / INDEX).read_bytes()[:-10])


def cut_index_and_record(directory: Path) -> None:
    cut_index(directory)
    record_anew(directory)


def smaller_index(directory: Path) -> None:
    index = FaissIndex.load(directory / INDEX)
    index.remove(np.array([89], np.int64))
    index.save(directory / INDEX)
    record_anew(directory)


def renumbered_index(directory: Path) -> None:
    index = FaissIndex.load(directory / INDEX)
    build_index(index.ids + 1, index.vectors(index.ids)).save(directory / INDEX)
    record_anew(directory)


def narrower_index(directory: Path) -> None:
    build_index(np.arange(90, dtype=np.int64), np.eye(90, dtype=np.float32)).save(directory / INDEX)
    record_anew(directory)


def smaller_gallery(directory: Path) -> None:
    database = sqlite3.connect(directory / GALLERY)
    database.execute("DELETE FROM images WHERE row = 5")
    database.commit()
    database.close()
    record_anew(directory)


def no_gallery(directory: Path) -> None:
    (directory / GALLERY).write_bytes(b"nothing of the kind" * 100)
    record_anew(directory)


def broken_model(directory: Path) -> None:
    (directory / "model" / "modules.json").write_text("{}")
    record_anew(directory)


def retrained_model(directory: Path) -> None:
    flip_a_byte(directory)
    record_anew(directory)


def link_out(directory: Path) -> None:
    index = directory / INDEX
    index.rename(directory.parent / "moved")
    index.symlink_to(directory.parent / "moved")


def rename_file(name: str) -> Callable[[Path], None]:
    def change(manifest: dict[str, Any]) -> None:
        manifest["files"][name] = manifest["files"]["model/modules.json"]

    return lambda directory: edit_manifest(directory, change)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "wrong hash": (flip_a_byte, r"model/.*safetensors has sha256 \w{64}, not \w{64}"),
    "wrong size": (cut_index, r"index.faiss has \d+ bytes, not the \d+"),
    "missing file": (lambda d: (d / GALLERY).unlink(), "the file gallery.sqlite is missing"),
    "missing model": (lambda d: shutil.rmtree(d / "model"), "the file model/.* is missing"),
    "added file": (lambda d: (d / "model" / "x.py").touch(), "the file model/x.py was added"),
    "linked file": (link_out, "index.faiss is missing"),
    "no manifest": (lambda d: (d / MANIFEST).unlink(), "manifest.json is missing"),
    "broken manifest": (lambda d: (d / MANIFEST).write_text("{"), "manifest.json is not valid"),
    "binary manifest": (
        lambda d: (d / MANIFEST).write_bytes(b"\xff\xfe\xff"),
        "manifest.json cannot be read",
    ),
    "unknown format": (
        lambda d: edit_manifest(d, lambda m: m.update(format=2)),
        "not valid: format",
    ),
    "unknown field": (
        lambda d: edit_manifest(d, lambda m: m.update(extra=2)),
        "not valid: extra",
    ),
    "another version's manifest": (
        lambda d: edit_manifest(d, lambda m: m.update(version="0002-00000000")),
        "that of version '0002-00000000'",
    ),
    "parent in file name": (rename_file("../../secret"), "'../../secret' leaves the bundle"),
    "absolute file name": (rename_file("/etc/passwd"), "'/etc/passwd' leaves the bundle"),
    "windows file name": (rename_file("..\\secret"), "leaves the bundle"),
    "unlisted index": (
        lambda d: edit_manifest(d, lambda m: m["files"].pop(INDEX)),
        "index.faiss is not listed",
    ),
    "wrong dimension": (
        lambda d: edit_manifest(d, lambda m: m.update(dimension=65)),
        "dimension of the model is 64, the manifest says 65",
    ),
    "wrong count": (
        lambda d: edit_manifest(d, lambda m: m.update(count=91)),
        "number of vectors in the index is 90, the manifest says 91",
    ),
    "unreadable index": (cut_index_and_record, "no readable FAISS index"),
    "smaller index": (smaller_index, "vectors in the index is 89"),
    "renumbered index": (renumbered_index, "ids of the index"),
    "index of another dimension": (narrower_index, "dimension of the index is 90"),
    "smaller gallery": (smaller_gallery, "pictures in the gallery is 89"),
    "no gallery": (no_gallery, "no readable gallery"),
    "broken model": (broken_model, "model"),
    "retrained model": (retrained_model, "fingerprint"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_bundle_is_refused_with_its_reason(bundles_copy: Path, fault: str) -> None:
    damage, reason = BAD[fault]
    version = current_version(bundles_copy)
    damage(bundles_copy / version)
    with pytest.raises(BundleRefused, match=reason) as refused:
        Bundle.open(bundles_copy)
    assert refused.value.version == version
    assert refused.value.reason in str(refused.value)


def test_without_verification_hashes_are_not_compared(bundles_copy: Path) -> None:
    flip_a_byte(bundles_copy / current_version(bundles_copy))
    Bundle.open(bundles_copy, verify=False).close()
    cut_index(bundles_copy / current_version(bundles_copy))
    with pytest.raises(BundleRefused, match="bytes"):
        Bundle.open(bundles_copy, verify=False)


def test_a_failed_publish_keeps_the_live_one(bundles_copy: Path) -> None:
    version = current_version(bundles_copy)
    with pytest.raises(NoBundle):
        publish(bundles_copy, "0007-00000000")
    assert current_version(bundles_copy) == version
