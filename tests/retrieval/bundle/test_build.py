import hashlib
import shutil
import threading
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedding.errors import ModelError
from embedding.model.feature_cache import FeatureCache, cached_pictures
from embedding.onnx.encoder import load_encoder
from retrieval.bundle.build import BuildReport, build_bundle
from retrieval.bundle.bundle import Bundle, Candidate, current_version, list_versions
from retrieval.bundle.collector import EncodePictures
from retrieval.bundle.manifest import STORE
from retrieval.errors import NoBundle, RetrievalError


@pytest.fixture
def folder(shapes_dir: Path, tmp_path: Path) -> Path:
    """Twelve of the shapes, which a test may change."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for path in sorted(shapes_dir.glob("*-[01].png"))[:12]:
        shutil.copy(path, folder)
    return folder


def build(
    folder: Path,
    model_dir: Path,
    bundles: Path,
    *names: str,
    encode_pictures: EncodePictures | None = None,
) -> BuildReport:
    paths = [Path(name) for name in names] or sorted(folder.glob("*.png"))
    candidates = [Candidate(path, (path.stem.replace("-", " "),)) for path in paths]
    return build_bundle(
        candidates,
        root=folder,
        model_dir=model_dir,
        bundles=bundles,
        encode_pictures=encode_pictures,
    )


def test_reports_progress_and_does_not_publish(
    folder: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    steps: list[tuple[int, int, str]] = []
    report = build_bundle(
        [Candidate(path) for path in sorted(folder.glob("*.png"))],
        root=folder,
        model_dir=shapes_model_dir,
        bundles=tmp_path / "bundles",
        progress=lambda done, total, what: steps.append((done, total, what)),
    )
    assert steps[-1] == (12, 12, "indexing pictures")
    assert (report.count, report.reused, report.folded, report.skipped) == (12, 0, 0, [])
    assert list_versions(tmp_path / "bundles") == [report.version]
    with pytest.raises(NoBundle):
        current_version(tmp_path / "bundles")


def test_only_what_is_new_is_encoded(folder: Path, shapes_model_dir: Path, tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    first = build(folder, shapes_model_dir, bundles)
    removed, *_ = sorted(folder.glob("*.png"))
    removed.unlink()
    Image.new("RGB", (40, 30), "orange").save(folder / "new.png")
    second = build(folder, shapes_model_dir, bundles)
    assert (second.count, second.reused) == (12, 11)
    with (
        Bundle.open(bundles, first.version) as old,
        Bundle.open(bundles, second.version) as new,
    ):
        kept = [one for one in new.store.pictures(range(12)) if old.store.get(one.image_id)]
        assert len(kept) == 11
        before = [old.store.get(one.image_id) for one in kept]
        rows = [one.row for one in before if one]
        np.testing.assert_array_equal(
            old.store.vectors(rows), new.store.vectors([one.row for one in kept])
        )
        assert [replace(one, row=0) for one in before if one] == [
            replace(one, row=0) for one in kept
        ]
        weights = "model/modules.json"
        assert (bundles / old.version / weights).samefile(bundles / new.version / weights)
        assert not (bundles / old.version / weights).samefile(shapes_model_dir / "modules.json")


def test_another_model_or_a_damaged_bundle_is_not_taken_over(
    folder: Path, shapes_model_dir: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundles = tmp_path / "bundles"
    first = build(folder, shapes_model_dir, bundles)
    index = bundles / first.version / STORE / "vectors.faiss"
    index.write_bytes(index.read_bytes()[:-4] + b"oops")
    assert build(folder, shapes_model_dir, bundles).reused == 0
    assert f"nothing is taken over from bundle {first.version}" in caplog.text
    manifest = bundles / list_versions(bundles)[-1] / "manifest.json"
    fingerprint = '"model_fingerprint": "'
    manifest.write_text(manifest.read_text().replace(fingerprint, fingerprint + "another"))
    assert build(folder, shapes_model_dir, bundles).reused == 0


def test_unreadable_pictures_are_skipped_and_named(
    folder: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    good = sorted(path.name for path in folder.glob("*.png"))
    (folder / "text.png").write_text("no picture")
    (folder / "half.png").write_bytes((folder / good[0]).read_bytes()[:200])
    (folder / "half again.png").write_bytes((folder / good[0]).read_bytes()[:200])
    names = ["text.png", *good, "half.png", "half again.png", "gone.png", "../x.png"]
    report = build(folder, shapes_model_dir, tmp_path / "bundles", *names)
    assert report.count == 12
    assert [one.what for one in report.skipped] == [
        "text.png",
        "half.png",
        "half again.png",
        "gone.png",
        "../x.png",
    ]
    assert "not a picture" in report.skipped[0].why
    with Bundle.open(tmp_path / "bundles", report.version) as bundle:
        assert bundle.manifest.skipped == 5


def test_nothing_usable_is_an_error_and_leaves_nothing(
    folder: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    bundles = tmp_path / "bundles"
    (folder / "text.png").write_text("no picture")
    with pytest.raises(RetrievalError, match=r"none of the 2 pictures .* text\.png"):
        build(folder, shapes_model_dir, bundles, "text.png", "gone.png")
    assert [path.name for path in bundles.iterdir()] == [".lock"]
    with pytest.raises(RetrievalError, match="there are no pictures"):
        build_bundle([], root=folder, model_dir=shapes_model_dir, bundles=bundles)
    with pytest.raises(RetrievalError, match="is not a folder"):
        build(folder / "nowhere", shapes_model_dir, bundles, "a.png")
    with pytest.raises(RetrievalError, match="is not a model directory"):
        build(folder, folder / "nowhere", bundles)
    with pytest.raises(ModelError):
        build(folder, folder, bundles)


def test_equal_files_become_one_picture(
    folder: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    first, second, *_ = sorted(path.name for path in folder.glob("*.png"))
    (folder / "sub").mkdir()
    shutil.copy(folder / first, folder / "sub" / "copy.png")
    candidates = [
        Candidate(Path(first), ("one", " ", "two"), {"album": "a"}),
        Candidate(Path(second)),
        Candidate(Path("sub/copy.png"), ("two", "three\n words"), {"album": "b", "year": "2023"}),
    ]
    report = build_bundle(
        candidates, root=folder, model_dir=shapes_model_dir, bundles=tmp_path / "b"
    )
    assert (report.count, report.folded) == (2, 1)
    with Bundle.open(tmp_path / "b", report.version) as bundle:
        image, other = bundle.store.pictures([0, 1])
        assert image.captions == ("one", "two", "three words")
        assert image.metadata == {"album": "a", "year": "2023"}
        assert image.path == first
        assert other.captions == ()
    # The same when their vectors are taken over.
    again = build_bundle(
        candidates, root=folder, model_dir=shapes_model_dir, bundles=tmp_path / "b"
    )
    assert (again.count, again.folded, again.reused) == (2, 1, 2)


def test_size_is_the_upright_original_s(
    folder: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (3000, 10), "red").save(folder / "turned.jpg", exif=exif)
    report = build(folder, shapes_model_dir, tmp_path / "b", "turned.jpg")
    with Bundle.open(tmp_path / "b", report.version) as bundle:
        (image,) = bundle.store.pictures([0])
        assert (image.width, image.height) == (10, 3000)


def test_two_builders_at_once(folder: Path, shapes_model_dir: Path, tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    reports: list[BuildReport] = []
    threads = [
        threading.Thread(target=lambda: reports.append(build(folder, shapes_model_dir, bundles)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.version for report in reports) == list_versions(bundles)
    assert len(reports) == 2
    for report in reports:
        with Bundle.open(bundles, report.version) as bundle:
            assert bundle.manifest.count == 12


def test_features_that_training_left_are_not_computed_again(
    folder: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    model = load_encoder(shapes_model_dir)  # as the build does: torch may take bfloat16

    def vectors(name: str, cache_dir: Path | None) -> np.ndarray:
        with cached_pictures(model, cache_dir) if cache_dir else nullcontext() as encode:
            report = build(folder, shapes_model_dir, tmp_path / name, encode_pictures=encode)
        with Bundle.open(tmp_path / name, report.version) as bundle:
            return bundle.store.vectors(range(report.count))

    cache_dir = tmp_path / "cache"
    computed = vectors("computed", None)
    np.testing.assert_allclose(vectors("filling", cache_dir), computed, atol=1e-6)
    np.testing.assert_allclose(vectors("reusing", cache_dir), computed, atol=1e-6)

    # Other features in the cache give other vectors: it really is the cache that is read.
    with FeatureCache(cache_dir, model) as cache:
        files = [path.read_bytes() for path in sorted(folder.glob("*.png"))]
        keys = [hashlib.sha256(data).digest() for data in files]
        kept = cache.lookup(keys[0])
        assert kept is not None, "it was filled"
        cache.store({key: np.ones_like(kept) for key in keys})
    assert not np.allclose(vectors("altered", cache_dir), computed, atol=1e-3)
