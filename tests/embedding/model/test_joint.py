"""The joint embedding: saved and loaded bit for bit, safe on whatever a user types."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedding.errors import ModelError
from embedding.model.files import INFO_FILE
from embedding.model.joint import JointEmbedding
from tests.fixtures.foreign import FOREIGN
from tests.fixtures.models import COLORS, SHAPES, draw_shape

TEXTS = ["a red circle", "http://127.0.0.1:9/x.png", "a much longer text about a blue ring", ""]

FRESH_PROCESS = """
import sys
import numpy as np
from PIL import Image
from sentence_transformers import SentenceTransformer
import embedding.model.ensemble
from embedding.model.joint import JointEmbedding

path, out = sys.argv[1:]
model = JointEmbedding.load(path)
texts = ["a red circle", "http://127.0.0.1:9/x.png", "a much longer text about a blue ring", ""]
image = Image.new("RGB", (90, 60), "red")
np.savez(out, text=model.encode_text(texts), image=model.encode_images([image]),
         fingerprint=model.fingerprint)
plain = SentenceTransformer(path, device="cpu", local_files_only=True)
assert plain.encode(["a red circle"], modality="text").shape == (1, model.dimension)
assert plain.encode([image]).shape == (1, model.dimension)
"""


@pytest.fixture(scope="module")
def model(shapes_model_dir: Path) -> JointEmbedding:
    return JointEmbedding.load(shapes_model_dir)


def test_a_fresh_process_gives_the_same_bits(
    model: JointEmbedding, shapes_model_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "vectors.npz"
    subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS, str(shapes_model_dir), str(out)], check=True
    )
    found = np.load(out)
    assert (found["text"] == model.encode_text(TEXTS)).all()
    image = Image.new("RGB", (90, 60), "red")
    assert (found["image"] == model.encode_images([image])).all()
    assert str(found["fingerprint"]) == model.fingerprint


def test_the_right_drawing_is_found(model: JointEmbedding) -> None:
    kinds = [(color, shape) for color in COLORS for shape in SHAPES]
    images = model.encode_images([draw_shape(*kind, variant=99) for kind in kinds])
    texts = model.encode_text([f"show me a {color} {shape}" for color, shape in kinds])
    right = (texts @ images.T).argmax(axis=1) == np.arange(len(kinds))
    assert right.mean() > 0.75  # drawings it has never seen


def test_vectors_are_unit_length_and_keep_the_order(model: JointEmbedding) -> None:
    texts = [f"{'very ' * (i % 7)}red circle {i}" for i in range(150)]
    together = model.encode_text(texts)
    assert together.dtype == np.float32
    assert together.shape == (150, model.dimension)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([model.encode_text([text]) for text in texts[:12]])
    np.testing.assert_allclose(together[:12], alone, atol=1e-5)
    assert model.encode_text([]).shape == (0, model.dimension)
    assert model.encode_images([]).shape == (0, model.dimension)
    sentences = model.encode_sentences(texts[:3])
    assert sentences.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(sentences, axis=1), 1, atol=1e-5)


def test_what_looks_like_an_address_or_a_path_is_a_text(
    model: JointEmbedding, shapes_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(next(shapes_dir.glob("*.png")))
    texts = [path, "http://127.0.0.1:9/x.png", "data:image/png;base64,AAAA", "a dog"]

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a text was opened as a picture")

    monkeypatch.setattr(Image, "open", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    vectors = model.encode_text(texts)
    assert vectors.shape == (4, model.dimension)
    # It differs from its neighbours as texts do; the picture's vector is not among them.
    assert np.linalg.norm(vectors[0] - vectors[3]) > 0.1


def test_pictures_of_any_mode(model: JointEmbedding) -> None:
    images = [Image.new(mode, (50, 30)) for mode in ("RGB", "RGBA", "L", "P", "CMYK", "1", "LA")]
    assert model.encode_images(images).shape == (7, model.dimension)


def test_many_threads_get_the_same_vectors(model: JointEmbedding) -> None:
    texts = [f"a {color} {shape}" + " x" * n for n, color in enumerate(COLORS) for shape in SHAPES]
    expected = [model.encode_text([text]) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda text: model.encode_text([text]), texts * 2))
    for vectors, right in zip(found, expected * 2, strict=True):
        # Not to the bit: threads may differ in how many cores they may use, and so in the order
        # of a sum. Another text's vector would be off by far more.
        np.testing.assert_allclose(vectors, right, atol=1e-5)


def test_saving_replaces_as_a_whole(model: JointEmbedding, tmp_path: Path) -> None:
    target = tmp_path / "run" / "model"
    target.mkdir(parents=True)
    (target / "stale.txt").write_text("old")
    model.save(target, {"note": "second"})
    assert not (target / "stale.txt").exists()
    assert json.loads((target / INFO_FILE).read_text())["note"] == "second"
    assert [path.name for path in target.parent.iterdir()] == ["model"]
    again = JointEmbedding.load(target)
    assert again.fingerprint == model.fingerprint
    # A run's directory stands for its model.
    assert JointEmbedding.load(target.parent).fingerprint == model.fingerprint


def test_another_weight_is_another_fingerprint(shapes_model_dir: Path) -> None:
    first, second = (JointEmbedding.load(shapes_model_dir) for _ in range(2))
    next(iter(second.image.head[-1].parameters())).data[0, 0] += 1e-3
    assert first.fingerprint != second.fingerprint
    assert first.image_fingerprint == second.image_fingerprint


def test_what_is_no_model_is_refused(tmp_path: Path, shapes_model_dir: Path) -> None:
    with pytest.raises(ModelError, match="check the path"):
        JointEmbedding.load(tmp_path / "missing")
    with pytest.raises(ModelError, match=r"neither modules\.json .* nor config\.json"):
        JointEmbedding.load(tmp_path)
    with pytest.raises(ModelError, match="does not encode image"):
        JointEmbedding.load("minilm")
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / INFO_FILE).write_text('{"format": 99}')
    with pytest.raises(ModelError, match="format 99"):
        JointEmbedding.load(tmp_path)


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_model_stands_in(
    kind: str, foreign_models: dict[str, Path], shapes_dir: Path, tmp_path: Path
) -> None:
    model = JointEmbedding.load(foreign_models[kind])
    image = Image.new("RGBA", (50, 40), "red")
    path = str(next(shapes_dir.glob("*.png")))
    texts = model.encode_text([path, "a dog", "http://127.0.0.1:9/x.png"])
    images = model.encode_images([image, Image.open(path)])
    assert texts.shape == (3, model.dimension) == (3, 16)
    assert images.shape == (2, 16)
    np.testing.assert_allclose(np.linalg.norm(np.r_[texts, images], axis=1), 1, atol=1e-5)
    # The path was read as a text: alone or not, it is not the picture's vector.
    assert np.abs(texts[0] - images[1]).max() > 1e-3
    assert model.encode_sentences(["a dog"]).shape == (1, 16)
    with pytest.raises(ModelError, match="foreign"):
        _ = model.text
    # A text is the same in any company, and a copy says the same of it.
    np.testing.assert_allclose(model.encode_text(["a dog"])[0], texts[1], atol=1e-5)
    model.save(tmp_path / "copy", {})
    copy = JointEmbedding.load(tmp_path / "copy")
    np.testing.assert_array_equal(copy.encode_text(["a dog"]), model.encode_text(["a dog"]))
    assert copy.fingerprint == model.fingerprint
