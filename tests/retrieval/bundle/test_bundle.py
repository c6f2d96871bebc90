import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.bundle.bundle import Bundle, current_version, publish
from retrieval.bundle.manifest import MANIFEST, Manifest
from retrieval.errors import BundleRefused, GalleryError, NoBundle
from retrieval.search.query import Query
from retrieval.store.faiss_index import FaissIndex, build_index
from retrieval.store.files import sha256_of
from tests.fixtures.bundles import ATTRIBUTION

INDEX = "store/vectors.faiss"
GALLERY = "store/pictures.sqlite"


def test_opens_what_was_published(shapes_bundles: Path, shapes_bundle: Bundle) -> None:
    manifest = shapes_bundle.manifest
    assert shapes_bundle.version == current_version(shapes_bundles) == manifest.version
    assert manifest.count == len(shapes_bundle.store) == 90
    assert manifest.dimension == shapes_bundle.store.dimension == shapes_bundle.encoder.dimension
    assert manifest.attribution == shapes_bundle.store.attribution == ATTRIBUTION
    assert manifest.model_name == "shapes"
    assert {INDEX, GALLERY, "model/modules.json"} <= manifest.files.keys()
    assert set(manifest.versions) >= {"showtell", "torch"}
    assert manifest.created.tzinfo is not None


def test_is_complete_in_itself(bundles_copy: Path, shapes_dir: Path, tmp_path: Path) -> None:
    moved = bundles_copy.rename(tmp_path / "moved")
    elsewhere = Path(shutil.copytree(shapes_dir, tmp_path / "mounted"))
    with Bundle.open(moved, root=elsewhere) as bundle:
        hit = bundle.searcher.search(Query(texts=("a red circle",)), 1).hits[0]
        assert bundle.store.file(hit.image_id).is_relative_to(elsewhere)


def test_close_closes_the_gallery(shapes_bundles: Path) -> None:
    with Bundle.open(shapes_bundles, verify=False) as bundle:
        assert bundle.store.pictures([0])
    with pytest.raises(GalleryError, match="is closed"):
        bundle.store.pictures([0])


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
    vectors = FaissIndex.load(directory / INDEX).vectors(np.arange(89))
    build_index(vectors).save(directory / INDEX)
    record_anew(directory)


def narrower_index(directory: Path) -> None:
    build_index(np.eye(90, dtype=np.float32)).save(directory / INDEX)
    record_anew(directory)


def smaller_gallery(directory: Path) -> None:
    database = sqlite3.connect(directory / GALLERY)
    database.execute("DELETE FROM pictures WHERE row = 5")
    database.commit()
    database.close()
    record_anew(directory)


def no_gallery(directory: Path) -> None:
    (directory / GALLERY).write_bytes(b"nothing of the kind" * 100)
    record_anew(directory)


def broken_model(directory: Path) -> None:
    (directory / "model" / "onnx" / "onnx.json").write_text("{}")
    record_anew(directory)


def retrained_model(directory: Path) -> None:
    path = directory / "model" / "onnx" / "onnx.json"
    own = Manifest.read(directory).model_fingerprint
    path.write_text(path.read_text().replace(own, "0123456789abcdef"))
    record_anew(directory)


def other_weights(directory: Path) -> None:
    """The graph of the image tower's head in the place of the text tower's."""
    graphs = directory / "model" / "onnx"
    (graphs / "text.onnx").unlink()  # a link
    shutil.copy(graphs / "image_head.onnx", graphs / "text.onnx")
    record_anew(directory)


def other_scenes(directory: Path) -> None:
    labels = np.load(directory / "scenes" / "labels.npy")
    np.save(directory / "scenes" / "labels.npy", labels[::-1])
    record_anew(directory)


def narrower_scenes(directory: Path) -> None:
    directions = np.load(directory / "scenes" / "directions.npy")
    np.save(directory / "scenes" / "directions.npy", directions[:, :3])
    record_anew(directory)


def no_words(directory: Path) -> None:
    (directory / "store" / "words" / "text.npy").write_bytes(b"")
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
    "wrong size": (cut_index, r"vectors.faiss has \d+ bytes, not the \d+"),
    "missing file": (lambda d: (d / GALLERY).unlink(), "the file store/pictures.sqlite is missing"),
    "missing model": (lambda d: shutil.rmtree(d / "model"), "the file model/.* is missing"),
    "added file": (lambda d: (d / "model" / "x.py").touch(), "the file model/x.py was added"),
    "linked file": (link_out, "store/vectors.faiss is missing"),
    "no manifest": (lambda d: (d / MANIFEST).unlink(), "manifest.json is missing"),
    "broken manifest": (lambda d: (d / MANIFEST).write_text("{"), "manifest.json is not valid"),
    "binary manifest": (
        lambda d: (d / MANIFEST).write_bytes(b"\xff\xfe\xff"),
        "manifest.json cannot be read",
    ),
    "unknown format": (
        lambda d: edit_manifest(d, lambda m: m.update(format="new")),
        "not valid: format",
    ),
    "bundle of 0.2.0": (
        lambda d: edit_manifest(d, lambda m: m.update(format=1)),
        r"an earlier version .* \(format 1, this one reads 2\); make it anew: showtell index",
    ),
    "bundle of later": (
        lambda d: edit_manifest(d, lambda m: m.update(format=3)),
        r"a later version .* \(format 3,",
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
        "store/vectors.faiss was added",
    ),
    "wrong dimension": (
        lambda d: edit_manifest(d, lambda m: m.update(dimension=65)),
        "dimension of the model is 64, the manifest says 65",
    ),
    "wrong count": (
        lambda d: edit_manifest(d, lambda m: m.update(count=91)),
        "number of pictures is 90, the manifest says 91",
    ),
    "unreadable index": (cut_index_and_record, "not a readable FAISS index"),
    "smaller index": (smaller_index, "vectors has 89 rows, the gallery 90"),
    "index of another dimension": (narrower_index, "dimension|captions have 90"),
    "smaller gallery": (smaller_gallery, "vectors has 90 rows, the gallery 89"),
    "no gallery": (no_gallery, "not a readable gallery"),
    "broken model": (broken_model, "model"),
    "retrained model": (retrained_model, "fingerprint"),
    "weights of another model": (other_weights, "model"),
    "other scenes": (other_scenes, "scenes are not those of this version"),
    "scenes of another model": (narrower_scenes, "dimension of the scenes is 3"),
    "no words": (no_words, "terms.npy cannot be read|cannot be read"),
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


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RuntimeError(), KeyError("x")])
def test_whatever_fails_while_a_bundle_is_opened_is_a_refusal(
    shapes_bundles: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("retrieval.bundle.bundle.load_encoder", fail)
    with pytest.raises(BundleRefused, match=type(error).__name__) as refused:
        Bundle.open(shapes_bundles, verify=False)
    assert refused.value.__cause__ is error


def test_without_verification_hashes_are_not_compared(bundles_copy: Path) -> None:
    flip_a_byte(bundles_copy / current_version(bundles_copy))
    Bundle.open(bundles_copy, verify=False).close()
    cut_index(bundles_copy / current_version(bundles_copy))
    with pytest.raises(BundleRefused, match="bytes"):
        Bundle.open(bundles_copy, verify=False)


def test_files_that_were_compared_before_are_compared_again_once_their_date_is_another(
    bundles_copy: Path,
) -> None:
    version = current_version(bundles_copy)
    Bundle.open(bundles_copy).close()
    index = bundles_copy / version / INDEX
    date = index.stat().st_mtime_ns
    index.write_bytes(index.read_bytes()[:-1] + b"?")
    with pytest.raises(BundleRefused, match="sha256"):
        Bundle.open(bundles_copy, trust_dates=True)
    os.utime(index, ns=(date, date))
    Bundle.open(bundles_copy, trust_dates=True).close()
    with pytest.raises(BundleRefused, match="sha256"):
        Bundle.open(bundles_copy)


def test_a_failed_publish_keeps_the_live_one(bundles_copy: Path) -> None:
    version = current_version(bundles_copy)
    with pytest.raises(NoBundle):
        publish(bundles_copy, "0007-00000000")
    assert current_version(bundles_copy) == version
