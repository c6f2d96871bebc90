"""Graphs give the vectors of torch, for every kind of model, and no other graph is left behind."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedding.errors import ModelError
from embedding.model.join import join_models
from embedding.model.joint import JointEmbedding
from embedding.model.towers import feature_tower, image_tower, lstm_tower, text_tower
from embedding.onnx.description import DESCRIPTION, FOLDER, Description, is_exported
from embedding.onnx.encoder import IMAGE, TEXT, OnnxEncoder, load_encoder
from embedding.onnx.export import LEAST_COSINE, export_model
from embedding.onnx.texts import TOKENIZER
from tests.fixtures.foreign import FOREIGN
from tests.fixtures.models import draw_shape

pytestmark = pytest.mark.usefixtures("in_float32")

TEXTS = ["a red ring", "", "an old man reads a newspaper on a bench", "dog " * 200]


def pictures() -> list[Image.Image]:
    """Return pictures of several shapes and modes."""
    ring, star = draw_shape("red", "ring", 0), draw_shape("blue", "star", 1)
    return [ring, star.resize((300, 120)), ring.resize((40, 90)).convert("L"), star.convert("RGBA")]


def assert_same_vectors(directory: Path) -> None:
    """Compare all that the graphs of a model directory give with what torch gives."""
    torch, onnx = JointEmbedding.load(directory), OnnxEncoder(directory)
    assert onnx.fingerprint == torch.fingerprint
    assert (onnx.dimension, onnx.name) == (torch.dimension, torch.name)
    assert onnx.known_words == torch.known_words
    for ours, theirs in (
        (onnx.encode_text(TEXTS), torch.encode_text(TEXTS)),
        (onnx.encode_sentences(TEXTS), torch.encode_sentences(TEXTS)),
        (onnx.encode_images(pictures()), torch.encode_images(pictures())),
    ):
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("kind", FOREIGN[:2])
def test_models_of_other_makers(kind: str, foreign_models: dict[str, Path], tmp_path: Path) -> None:
    model = JointEmbedding.load(foreign_models[kind])
    model.save(tmp_path / "model", {})
    export_model(model, tmp_path / "model")
    assert_same_vectors(tmp_path / "model")


def test_an_ensemble_with_encoders_of_several_sizes(tiny_text_model: Path, tmp_path: Path) -> None:
    def member(name: str, side: int) -> JointEmbedding:
        image = image_tower("efficientnet-lite0", 8, hidden=0, dropout=0.0, image_size=side)
        text = text_tower(str(tiny_text_model), 8, hidden=0, dropout=0.0)
        return JointEmbedding.from_towers(text, image, name=name)

    members = [member("small", 64), member("large", 96)]
    features = [one.encode_image_features(pictures()) for one in members]
    joined = join_models(members, TEXTS, features, name="both")
    joined.save(tmp_path / "model", {})
    export_model(joined, tmp_path / "model")
    assert_same_vectors(tmp_path / "model")


def test_words_and_an_lstm_read_texts_of_any_length(tmp_path: Path) -> None:
    text = lstm_tower(["a red ring", "an old man reads a newspaper"], 8, words=12, hidden=16)
    model = JointEmbedding.from_towers(text, feature_tower(5, 8, hidden=6), name="lstm")
    model.save(tmp_path / "model", {})
    export_model(model, tmp_path / "model")
    onnx = load_encoder(tmp_path / "model")
    assert isinstance(onnx, OnnxEncoder)
    np.testing.assert_allclose(onnx.encode_text(TEXTS), model.encode_text(TEXTS), atol=1e-5)
    rows = np.random.default_rng(0).standard_normal((3, 5), dtype=np.float32)
    np.testing.assert_allclose(onnx.encode_features(rows), model.encode_features(rows), atol=1e-5)
    assert not onnx.reads_images
    with pytest.raises(ModelError, match="precomputed image features"):
        onnx.encode_images(pictures())
    with pytest.raises(ModelError, match=r"\(2, 3\); the model takes \(n, 5\)"):
        onnx.encode_features(np.zeros((2, 3), np.float32))


def test_what_agreed_is_written_down(shapes_model_dir: Path) -> None:
    assert_same_vectors(shapes_model_dir)
    description = Description.read(shapes_model_dir / FOLDER)
    assert description.text == description.image == "float32"
    assert all(cosine >= LEAST_COSINE for cosine in description.agreement.values())
    assert set(description.agreement) == {"text", "image"}


def test_pictures_prepared_in_an_unknown_way_are_not_exported(
    foreign_models: dict[str, Path], tmp_path: Path
) -> None:
    model = JointEmbedding.load(foreign_models[FOREIGN[0]])
    model.save(tmp_path / "model", {})
    model.module[0].processor.image_processor.do_pad = True
    with pytest.raises(ModelError, match=r"cannot be exported: its image processor, CLIPImage"):
        export_model(model, tmp_path / "model")
    assert not is_exported(tmp_path / "model")
    assert not (tmp_path / "model" / FOLDER).exists()


def test_a_model_runs_without_torch_in_the_process(shapes_model_dir: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from PIL import Image
from embedding.onnx.encoder import load_encoder
encoder = load_encoder(Path({str(shapes_model_dir)!r}))
print(encoder.encode_text(["a red ring"]).shape)
print(encoder.encode_images([Image.new("L", (9, 9))]).shape)
print({{"torch", "transformers", "sentence_transformers"}} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["(1, 64)", "(1, 64)", "set()"], done.stderr


@pytest.mark.parametrize("damaged", [DESCRIPTION, TEXT, TOKENIZER])
def test_damaged_graphs_are_named(damaged: str, shapes_model_dir: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(shapes_model_dir, tmp_path / "model"))
    (copy / FOLDER / damaged).write_bytes(b"{")
    with pytest.raises(ModelError, match=r"cannot be .*export the model again"):
        OnnxEncoder(copy).encode_text(["a dog"])


def test_texts_need_no_image_graph(shapes_model_dir: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(shapes_model_dir, tmp_path / "model"))
    (copy / FOLDER / IMAGE).unlink()
    assert OnnxEncoder(copy).encode_text(["a dog"]).shape == (1, 64)


def test_many_batches_at_once_keep_the_order(shapes_model_dir: Path) -> None:
    texts = [f"{i} red rings and {'more ' * (i % 7)}stars" for i in range(100)]
    one, several = OnnxEncoder(shapes_model_dir), OnnxEncoder(shapes_model_dir, threads=3)
    np.testing.assert_allclose(several.encode_text(texts), one.encode_text(texts), atol=1e-5)
    np.testing.assert_allclose(
        several.encode_text(texts), np.concatenate([one.encode_text([t]) for t in texts]), atol=1e-5
    )


def test_an_image_side_alone_is_exported_and_run(tmp_path: Path) -> None:
    image = image_tower("efficientnet-lite0", 8, hidden=0, dropout=0.0, image_size=64)
    towers = JointEmbedding.from_towers(feature_tower(1, 8), image, name="image side")
    export_model(towers, tmp_path / "graphs")
    onnx = load_encoder(tmp_path / "graphs")
    assert Description.read(tmp_path / "graphs" / FOLDER).text is None
    assert onnx.image_fingerprint == towers.image_fingerprint
    np.testing.assert_allclose(
        onnx.encode_image_features(pictures()), towers.encode_image_features(pictures()), atol=1e-3
    )
