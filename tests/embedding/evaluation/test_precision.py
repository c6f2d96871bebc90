"""int8 is taken where it finds as much, and what was measured is written down."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from embedding.data.pairs import load_pairs
from embedding.evaluation import precision
from embedding.evaluation.precision import choose_precision
from embedding.evaluation.recall import Embedded, embed_pairs
from embedding.model.files import read_info
from embedding.model.joint import JointEmbedding
from embedding.model.towers import feature_tower, text_tower
from embedding.onnx.description import FOLDER, Description
from embedding.onnx.encoder import TEXT, OnnxEncoder
from embedding.onnx.export import export_model


@pytest.fixture
def model_dir(shapes_model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shapes_model_dir, tmp_path / "model"))


@pytest.fixture
def embedded(shapes_dir: Path, model_dir: Path, tmp_path: Path) -> Embedded:
    pairs = load_pairs(f"csv:{shapes_dir / 'captions.csv'}")
    return embed_pairs(OnnxEncoder(model_dir), pairs, cache_dir=tmp_path / "cache")


def test_int8_is_kept_where_it_finds_as_much(model_dir: Path, embedded: Embedded) -> None:
    before = Description.read(model_dir / FOLDER)
    size = (model_dir / FOLDER / TEXT).stat().st_size
    choice = choose_precision(model_dir, embedded)
    assert choice.is_int8
    assert choice.lost <= 0.5
    after = Description.read(model_dir / FOLDER)
    assert (after.text, after.image) == ("int8", "float32")
    assert after.fingerprint != before.fingerprint
    assert after.image_fingerprint == before.image_fingerprint
    assert (model_dir / FOLDER / TEXT).stat().st_size < 0.3 * size
    texts = OnnxEncoder(model_dir).encode_text(embedded.pairs.captions)
    assert ((texts * embedded.texts).sum(axis=1) > 0.95).all()
    assert not np.array_equal(texts, embedded.texts)
    noted = read_info(model_dir)["onnx"]
    assert noted["text"] == "int8"
    assert noted["recall_at_10"]["int8"] == {
        side: choice.int8[side]["r10"] for side in ("text_to_image", "image_to_text")
    }
    assert not list(model_dir.glob(".int8-*"))


def test_what_was_chosen_holds_for_the_next_export(
    tiny_text_model: Path, features: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "MOST_LOST", 100.0)
    text = text_tower(str(tiny_text_model), 8, hidden=0, dropout=0.0)
    model = JointEmbedding.from_towers(text, feature_tower(11, 8), name="small")
    model.save(tmp_path / "model", {})
    export_model(model, tmp_path / "model")
    before = Description.read(tmp_path / "model" / FOLDER).fingerprint
    encoder = OnnxEncoder(tmp_path / "model")
    choose_precision(tmp_path / "model", embed_pairs(encoder, load_pairs(f"features:{features}")))
    chosen = Description.read(tmp_path / "model" / FOLDER).fingerprint
    assert chosen != before
    shutil.rmtree(tmp_path / "model" / FOLDER)
    export_model(JointEmbedding.load(tmp_path / "model"), tmp_path / "model")
    assert Description.read(tmp_path / "model" / FOLDER).fingerprint == chosen


def test_float32_stays_where_int8_loses_too_much(
    model_dir: Path, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "MOST_LOST", -100.0)
    before = (model_dir / FOLDER / TEXT).read_bytes()
    assert not choose_precision(model_dir, embedded).is_int8
    assert (model_dir / FOLDER / TEXT).read_bytes() == before
    assert read_info(model_dir)["onnx"]["text"] == "float32"
