"""`showtell index`: whose model it takes, what it says, what it leaves out."""

import os
import shutil
import tarfile
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from bot.commands.index import IndexingRefused, default_model, index_images
from bot.commands.main import app
from bot.workbench.console import name_skipped
from embedding.data.captions import Skipped
from embedding.errors import ModelError
from embedding.model.files import INFO_FILE
from embedding.model.joint import JointEmbedding
from embedding.onnx.description import is_exported
from embedding.pretrained import shipped
from embedding.pretrained.packing import pack_model
from retrieval.bundle.bundle import Bundle
from retrieval.bundle.catalog import BundleCatalog


def silent(done: int, total: int, what: str) -> None:
    """Take progress and say nothing."""


@pytest.fixture
def photos(shapes_dir: Path, tmp_path: Path) -> Path:
    """A folder of two drawings, one of them without a usable caption, and of two faults."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("red-star-0.png", "blue-ring-0.png"):
        (folder / name).write_bytes((shapes_dir / name).read_bytes())
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "captions.csv").write_text(
        "file,caption\nred-star-0.png,a red star\nblue-ring-0.png,\ngone.png,a lost ring\n"
    )
    return folder


def test_without_a_model_the_shipped_one_is_taken_and_named(
    photos: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped_dir = tmp_path / "shipped"
    (shipped_dir / "photos").mkdir(parents=True)
    (shipped_dir / "photos" / shipped.CARD).write_text("# Photos\n")
    about = "trained on drawn shapes (tests)"
    pack_model(tiny_model_dir, shipped_dir / "photos", name="photos", about=about)
    monkeypatch.setattr(shipped, "SHIPPED_DIR", shipped_dir)
    monkeypatch.setenv("SHOWTELL_DATA_DIR", str(tmp_path / "data"))
    arguments = ["index", str(photos), "--bundles", str(tmp_path / "bundles")]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    said = " ".join(done.output.split())
    assert (
        "model: photos, trained on drawn shapes (tests); see `showtell model-path photos`" in said
    )
    # Everything that was left out is named: by the caption file, and by the pictures.
    for what in ("gone.png: it has captions", "broken.jpg: ", "blue-ring-0.png has an empty"):
        assert what in said
    assert "2 pictures" in said
    assert "3 skipped" in said
    with Bundle.open(tmp_path / "bundles") as bundle:
        assert bundle.manifest.model_name == "photos"
    assert list((tmp_path / "bundles").glob(f"*/model/{shipped.CARD}"))


def test_without_the_shipped_model_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "SHIPPED_DIR", tmp_path)
    with pytest.raises(ModelError, match=r"name another model with --model, or train one"):
        default_model()


def test_a_model_with_graphs_is_never_loaded_in_torch(
    photos: Path, shapes_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: str | Path) -> JointEmbedding:
        pytest.fail("torch was asked for")

    monkeypatch.setattr(JointEmbedding, "load", refuse)
    model, bundles = str(shapes_model_dir), tmp_path / "bundles"
    report = index_images(
        str(photos), None, model, BundleCatalog(bundles), tmp_path / "cache", progress=silent
    )
    kept = bundles / report.version / "model"
    assert (kept / INFO_FILE).read_bytes() == (shapes_model_dir / INFO_FILE).read_bytes()
    assert is_exported(kept)


def test_a_model_without_graphs_gets_them_once(
    photos: Path,
    tiny_model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = Path(shutil.copytree(tiny_model_dir, tmp_path / "model"))
    for name in ("first", "second"):
        index_images(
            str(photos),
            None,
            str(model),
            BundleCatalog(tmp_path / name),
            tmp_path / "cache",
            progress=silent,
        )
        assert is_exported(model)
    assert capsys.readouterr().err.count("is exported for ONNX Runtime (once)") == 1


def test_pictures_inside_tar_files_are_refused(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "shard.tar", "w") as shard:
        shard.add(shapes_dir / "red-star-0.png", "x.png")
        shard.add(shapes_dir / "captions.csv", "x.txt")
    spec, bundles = f"webdataset:{tmp_path}", tmp_path / "bundles"
    with pytest.raises(IndexingRefused, match=r"in tar files.*unpack them into a folder"):
        index_images(
            spec, None, str(shapes_model_dir), BundleCatalog(bundles), tmp_path, progress=silent
        )
    assert not bundles.exists()


def test_a_folder_that_is_gone_at_the_end_does_not_become_live(
    photos: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    def remove(done: int, total: int, what: str) -> None:
        if what == "indexing captions":
            shutil.rmtree(photos, ignore_errors=True)

    catalog = BundleCatalog(tmp_path / "bundles")
    with pytest.raises(IndexingRefused, match=r"was removed while it was indexed; 0001-"):
        index_images(
            str(photos), None, str(shapes_model_dir), catalog, tmp_path / "cache", progress=remove
        )
    assert not catalog.is_named()


def test_links_are_indexed_and_what_they_lead_to_is_shown(
    photos: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    album = tmp_path / "album"
    album.mkdir()
    for name in ("red-star-0.png", "broken.jpg"):
        (album / name).symlink_to(photos / name)
    (album / "loop.jpg").symlink_to(album / "loop.jpg")
    (tmp_path / "way").symlink_to(album)
    model, bundles = str(shapes_model_dir), tmp_path / "bundles"
    report = index_images(
        str(tmp_path / "way"),
        None,
        model,
        BundleCatalog(bundles),
        tmp_path / "cache",
        progress=silent,
    )
    assert report.count == 1
    assert {Path(item.what).name for item in report.skipped} == {"broken.jpg", "loop.jpg"}
    with Bundle.open(bundles) as bundle:
        (star,) = bundle.store.pictures([0])
        assert star.path == "red-star-0.png"
        shown = bundle.store.file(star.image_id)
    assert shown == (photos / "red-star-0.png").resolve()


def test_whatever_is_wrong_with_one_picture_the_others_are_indexed(
    photos: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    whole = (photos / "red-star-0.png").read_bytes()
    Image.new("RGB", (8, 8), "red").save(photos / "plain.jpg")
    plain = (photos / "plain.jpg").read_bytes()
    exif = b"Exif\0\0no TIFF header"
    block = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (photos / "bad exif.jpg").write_bytes(plain[:2] + block + plain[2:])
    (photos / "cut.png").write_bytes(whole[: len(whole) // 2])
    (photos / "empty.png").touch()
    os.mkfifo(photos / "pipe.png")
    Image.new("RGB", (64, 64)).save(photos / "inside.eps")
    (photos / "inside.eps").rename(photos / "postscript.jpg")
    model, bundles = str(shapes_model_dir), tmp_path / "bundles"
    report = index_images(
        str(photos), None, model, BundleCatalog(bundles), tmp_path / "cache", progress=silent
    )
    assert report.count == 4
    named = {Path(item.what).name for item in report.skipped}
    assert {"cut.png", "empty.png", "pipe.png", "postscript.jpg", "broken.jpg"} <= named
    assert not named & {"bad exif.jpg", "plain.jpg", "red-star-0.png", "blue-ring-0.png"}


def test_what_was_read_is_said(
    photos: Path, shapes_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "raw.NEF").touch()
    model, bundles = str(shapes_model_dir), tmp_path / "bundles"
    index_images(
        str(photos), None, model, BundleCatalog(bundles), tmp_path / "cache", progress=silent
    )
    said = capsys.readouterr().err
    assert "captions.csv: captions read: 1, for 1 of 3 pictures" in said
    assert "formats that are not opened: 1 .nef" in said


def test_thousands_of_equal_reasons_are_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    gone = [Skipped(f"{i}.jpg", "there is no such file") for i in range(6940)]
    name_skipped([*gone, Skipped("x.jpg", "it is damaged")])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 7
    assert lines[0] == "  skipped 0.jpg: there is no such file"
    assert lines[5] == "  skipped 6,935 more: there is no such file"
    assert lines[6] == "  skipped x.jpg: it is damaged"


@pytest.mark.parametrize(
    ("shard", "sentence"),
    [
        *((wrong, "write which share of how many") for wrong in ("0/4", "5/4", "4", "1/0", "-1/4")),
        ("1/4", "goes with --store"),
    ],
)
def test_a_share_that_cannot_be_is_refused(photos: Path, shard: str, sentence: str) -> None:
    arguments = ["index", str(photos), "--bundles", str(photos / "bundles"), f"--shard={shard}"]
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, IndexingRefused)
    assert sentence in str(done.exception)
