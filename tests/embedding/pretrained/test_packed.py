"""A packed model is small, comes back as it was, and is refused when a part of it is not."""

import json
import shutil
import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from embedding.errors import ModelError
from embedding.model.files import read_info, write_info
from embedding.model.joint import JointEmbedding
from embedding.pretrained import packed as unpacking
from embedding.pretrained import packing, shipped
from embedding.pretrained.names import load_model, shipped_model_path
from embedding.pretrained.packing import add_file, pack_model
from embedding.pretrained.shipped import (
    CARD,
    MANIFEST,
    WEIGHTS,
    assemble,
    describe_shipped,
    shipped_model,
)

read_once = cache(unpacking.reference_tensors)
ABOUT = "trained on drawn shapes (tests)"
TABLE = "embeddings.word_embeddings.weight"


@pytest.fixture(autouse=True)
def _packages_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tensors of the packages, which no test changes."""
    for module in (packing, unpacking):
        monkeypatch.setattr(module, "reference_tensors", read_once)


@pytest.fixture(scope="module")
def packed(packed_shapes: Path) -> Path:
    return packed_shapes


@pytest.fixture(scope="module")
def assembled(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemble(packed, tmp_path_factory.mktemp("assembled"))


def assert_alike(first: JointEmbedding, second: JointEmbedding) -> None:
    texts = ["a red circle", "two dogs on a beach", "http://127.0.0.1:9/x.png", ""]
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    images = [Image.new("RGB", (90, 60), "red"), Image.fromarray(noise)]
    for before, after in (
        (first.encode_text(texts), second.encode_text(texts)),
        (first.encode_images(images), second.encode_images(images)),
    ):
        assert (before * after).sum(axis=1).min() > 0.9999


def test_what_packages_hold_is_not_stored(shapes_model_dir: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(shapes_model_dir, tmp_path / "model"))
    write_info(model, {**read_info(model), "requests": ["a caption"]})
    report = pack_model(model, tmp_path / "photos", name="photos", about=ABOUT)
    # The towers are the packages'; the heads and MiniLM's tokenizer file are the model's own.
    assert report.own < 200_000
    assert report.packages > 25_000_000
    assert report.bytes < 1_500_000
    kept = sum(p.stat().st_size for p in (tmp_path / "photos").rglob("*") if p.is_file())
    assert kept == report.bytes
    # The captions that it learned from are not ours to give away.
    told = json.loads((tmp_path / "photos" / "files" / "showtell.json").read_text())
    assert "requests" not in told


def test_zero_may_have_lost_its_sign(shapes_model_dir: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(shapes_model_dir, tmp_path / "model"))
    file = model / "text_0_Transformer" / "model.safetensors"
    tensors = load_file(file)
    before = tensors[TABLE].clone()
    tensors[TABLE][before == 0] = 0.0
    assert before.numpy().tobytes() != tensors[TABLE].numpy().tobytes()
    save_file(tensors, file, metadata={"format": "pt"})
    report = pack_model(model, tmp_path / "packed", name="trained", about=ABOUT)
    assert report.own < 200_000
    result = assemble(tmp_path / "packed", tmp_path / "models")
    table = load_file(result / "text_0_Transformer" / "model.safetensors")[TABLE]
    assert table.numpy().tobytes() == before.numpy().tobytes()


def test_the_model_comes_back(packed: Path, assembled: Path, shapes_model_dir: Path) -> None:
    again = JointEmbedding.load(assembled)
    assert_alike(JointEmbedding.load(shapes_model_dir), again)
    assert again.name == "photos"
    assert again.info["data"] == {"name": "shapes", "images": 90}
    assert (assembled / CARD).read_text() == "# Photos\n"
    names = {p.relative_to(shapes_model_dir) for p in shapes_model_dir.rglob("*") if p.is_file()}
    assert {p.relative_to(assembled) for p in assembled.rglob("*") if p.is_file()} - names == {
        Path(CARD)
    }
    # Nothing was left beside it, and a second call neither writes nor reads weights.
    assert list(assembled.parent.iterdir()) == [assembled]
    before = assembled.stat().st_mtime_ns
    assert assemble(packed, assembled.parent) == assembled
    assert assembled.stat().st_mtime_ns == before


def test_what_is_frozen_is_the_same_to_the_bit(assembled: Path, shapes_model_dir: Path) -> None:
    for tower in ("text_0_Transformer", "image_0_Transformer"):
        before = load_file(shapes_model_dir / tower / "model.safetensors")
        after = load_file(assembled / tower / "model.safetensors")
        assert before.keys() == after.keys()
        assert all(torch.equal(before[key], after[key]) for key in before)


def test_of_a_trained_table_the_change_is_stored(shapes_model_dir: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(shapes_model_dir, tmp_path / "model"))
    file = model / "text_0_Transformer" / "model.safetensors"
    tensors = load_file(file)
    frozen = tensors[TABLE].clone()
    tensors[TABLE] *= 1 - 1e-5  # weight decay
    seen = torch.tensor([7, 1000, 30_000])
    tensors[TABLE][seen] += 0.01
    tensors["encoder.layer.0.output.dense.weight"] += 1e-3
    trained = tensors[TABLE].clone()
    save_file(tensors, file, metadata={"format": "pt"})
    report = pack_model(model, tmp_path / "packed", name="trained", about=ABOUT)
    # Rows that did not change are no bytes, however many numbers they are.
    assert report.bytes < 1_500_000
    result = assemble(tmp_path / "packed", tmp_path / "models")
    table = load_file(result / "text_0_Transformer" / "model.safetensors")[TABLE]
    torch.testing.assert_close(table[seen], trained[seen], rtol=0, atol=2e-4)
    others = torch.ones(len(table), dtype=torch.bool)
    others[seen] = False
    assert torch.equal(table[others], frozen[others])
    assert_alike(JointEmbedding.load(model), JointEmbedding.load(result))


def test_numbers_that_no_steps_can_hold_stay(shapes_model_dir: Path, tmp_path: Path) -> None:
    model = Path(shutil.copytree(shapes_model_dir, tmp_path / "model"))
    file = next(model.glob("image_*_Dense")) / "model.safetensors"
    tensors = load_file(file)
    tensors["linear.weight"][:, 0] = 300 * tensors["linear.weight"].std()
    save_file(tensors, file, metadata={"format": "pt"})
    pack_model(model, tmp_path / "packed", name="large", about=ABOUT)
    result = assemble(tmp_path / "packed", tmp_path / "models")
    again = load_file(result / file.relative_to(model))
    assert torch.equal(again["linear.weight"], tensors["linear.weight"])


def test_two_at_once_get_one_model(packed: Path, tmp_path: Path) -> None:
    found: list[Path] = []
    both = [
        threading.Thread(target=lambda: found.append(assemble(packed, tmp_path / "models")))
        for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert found[0] == found[1]
    assert list((tmp_path / "models").iterdir()) == [found[0]]
    JointEmbedding.load(found[0])


def test_a_file_that_is_added_is_put_together_with_the_rest(packed: Path, tmp_path: Path) -> None:
    before = assemble(packed, tmp_path / "models")
    more = Path(shutil.copytree(packed, tmp_path / "more"))
    add_file(more, "languages.npz", b"first")
    add_file(more, "languages.npz", b"second")
    after = assemble(more, tmp_path / "models")
    assert after != before
    assert (after / "languages.npz").read_bytes() == b"second"
    assert {path.name for path in after.iterdir()} - {path.name for path in before.iterdir()} == {
        "languages.npz"
    }


def test_a_part_that_was_deleted_comes_back(packed: Path, tmp_path: Path) -> None:
    result = assemble(packed, tmp_path)
    (result / "modules.json").unlink()
    assert assemble(packed, tmp_path) == result
    assert (result / "modules.json").is_file()


@pytest.mark.parametrize(
    ("part", "named"),
    [(WEIGHTS, "weights.safetensors.z of a shipped model"), ("files/modules.json", "modules.json")],
)
def test_a_damaged_part_is_refused(packed: Path, tmp_path: Path, part: str, named: str) -> None:
    copy = Path(shutil.copytree(packed, tmp_path / "packed"))
    data = bytearray((copy / part).read_bytes())
    data[-1] ^= 1
    (copy / part).write_bytes(data)
    with pytest.raises(ModelError, match=rf"{named}.* expected .*reinstall"):
        assemble(copy, tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"format": 99}, "format 99"),
        ({"sources": {"minilm": "00"}}, "packed with another minilm"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(
    packed: Path, tmp_path: Path, change: dict[str, object], named: str
) -> None:
    copy = Path(shutil.copytree(packed, tmp_path / "packed"))
    manifest = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps({**manifest, **change}))
    with pytest.raises(ModelError, match=named):
        assemble(copy, tmp_path / "models")
    (copy / MANIFEST).write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        assemble(copy, tmp_path / "models")


def test_the_result_is_checked_too(packed: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(packed, tmp_path / "packed"))
    manifest = json.loads((copy / MANIFEST).read_text())
    entries = manifest["files"]["text_0_Transformer/model.safetensors"]["tensors"]
    entries["encoder.layer.0.attention.self.key.bias"]["tensor"] = (
        "encoder.layer.1.attention.self.key.bias"
    )
    (copy / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match=r"text_0_Transformer/model\.safetensors of a shipped"):
        assemble(copy, tmp_path / "models")


@pytest.mark.usefixtures("shipped_photos")
def test_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWTELL_DATA_DIR", str(tmp_path / "data"))
    path = shipped_model_path("Photos")
    assert path.parent == tmp_path / "data" / "models"
    assert shipped_model("photos", tmp_path / "elsewhere").parent == tmp_path / "elsewhere"
    assert describe_shipped("photos") == ABOUT
    model = load_model("photos")
    assert (model.name, model.dimension) == ("photos", 64)


def test_without_weights_or_a_place_for_them(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "SHIPPED_DIR", tmp_path)
    for ask in (shipped_model_path, load_model, describe_shipped):
        with pytest.raises(ModelError, match=r"does not hold the model 'photos'.*showtell train"):
            ask("photos")
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="SHOWTELL_DATA_DIR"):
        assemble(packed, tmp_path / "file" / "models")


def test_only_trained_models_are_packed(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no trained model"):
        pack_model(tmp_path, tmp_path / "out", name="photos", about=ABOUT)
    assert not (tmp_path / "out").exists()


def test_the_models_place_without_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.settings import load_settings

    monkeypatch.delenv("SHOWTELL_DATA_DIR", raising=False)
    assert shipped.default_models_dir() == load_settings().data_dir / "models"
