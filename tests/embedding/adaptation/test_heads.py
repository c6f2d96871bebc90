"""A mapped model gives the mapped vectors, whoever loads it and whatever runs it."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sentence_transformers import SentenceTransformer

from embedding.adaptation.directory import write_mapped
from embedding.adaptation.heads import map_texts
from embedding.adaptation.text_map import TextMap
from embedding.errors import ModelError
from embedding.languages.encoder import load_multilingual
from embedding.languages.head import HEAD_FILE
from embedding.model.joint import JointEmbedding
from embedding.model.towers import feature_tower
from embedding.onnx.description import FOLDER
from embedding.onnx.encoder import IMAGE, OnnxEncoder
from embedding.onnx.export import export_model
from tests.fixtures.foreign import FOREIGN

TEXTS = ["a red star", "a blue ring", "Zwei Kreise"]


def some_map(dimension: int) -> TextMap:
    rng = np.random.default_rng(0)
    return TextMap(rng.normal(size=(dimension, dimension)).astype(np.float32))


def test_only_what_changed_is_written_anew(multilingual_model_dir: Path, tmp_path: Path) -> None:
    before = OnnxEncoder(multilingual_model_dir)
    text_map = some_map(before.dimension)
    expected = text_map.apply(before.encode_text(TEXTS))
    write_mapped(multilingual_model_dir, tmp_path / "model", text_map, {"adapted": {"captions": 3}})

    after = OnnxEncoder(tmp_path / "model")
    np.testing.assert_allclose(after.encode_text(TEXTS), expected, atol=1e-5)
    graphs = [folder / FOLDER / IMAGE for folder in (multilingual_model_dir, tmp_path / "model")]
    assert graphs[0].read_bytes() == graphs[1].read_bytes()
    torch_model = JointEmbedding.load(tmp_path / "model")
    assert torch_model.name == after.name == "shapes-adapted"
    assert torch_model.fingerprint == after.fingerprint != before.fingerprint
    assert torch_model.image_fingerprint == before.image_fingerprint
    assert torch_model.info["adapted"] == {"captions": 3}
    # Anybody can load it: stock classes only.
    plain = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    np.testing.assert_allclose(plain.encode(TEXTS), expected, atol=1e-5)

    german, of_german = (
        load_multilingual(folder, encoder)
        for folder, encoder in ((multilingual_model_dir, before), (tmp_path / "model", after))
    )
    assert german
    assert of_german
    mapped = text_map.apply(german.encode_text(["roter Stern"]))
    assert float((mapped @ of_german.encode_text(["roter Stern"]).T)[0, 0]) > 0.999


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_model_of_another_maker_gets_heads(kind: str, foreign_models: dict[str, Path]) -> None:
    model = JointEmbedding.load(foreign_models[kind])
    text_map = some_map(model.dimension)
    picture = [Image.new("RGB", (40, 30), "red")]
    texts, looks = text_map.apply(model.encode_text(TEXTS)), model.encode_images(picture)
    mapped = map_texts(model, text_map, name="mine")
    np.testing.assert_allclose(mapped.encode_text(TEXTS), texts, atol=1e-5)
    np.testing.assert_allclose(mapped.encode_images(picture), looks, atol=1e-5)


def test_a_mapped_model_of_another_maker_has_graphs(
    foreign_models: dict[str, Path], tmp_path: Path
) -> None:
    source = tmp_path / "clip"
    shutil.copytree(foreign_models["sentence-transformers clip"], source)
    export_model(JointEmbedding.load(source), source)
    before = OnnxEncoder(source)
    text_map = some_map(before.dimension)
    write_mapped(source, tmp_path / "mapped", text_map, {})
    after = OnnxEncoder(tmp_path / "mapped")
    expected = text_map.apply(before.encode_text(TEXTS))
    np.testing.assert_allclose(after.encode_text(TEXTS), expected, atol=1e-4)
    assert not (tmp_path / "mapped" / HEAD_FILE).exists()


def test_a_head_that_is_no_layer_is_named(tiny_model_dir: Path) -> None:
    model = JointEmbedding.load(tiny_model_dir)
    tower = feature_tower(16, 16)
    tower.head = []
    bare = JointEmbedding.from_towers(tower, model.image, name="bare")
    with pytest.raises(ModelError, match="text head of 'bare' does not end with a linear layer"):
        map_texts(bare, some_map(16), name="mine")
