import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedding import packages
from embedding.errors import ModelError, TrainingError
from embedding.languages.e5 import E5
from embedding.languages.encoder import MultilingualEncoder, load_multilingual
from embedding.languages.head import HEAD_FILE
from embedding.languages.teach import teach
from embedding.onnx.encoder import OnnxEncoder
from tests.embedding.languages.test_head import some_head


@pytest.fixture(scope="module")
def own(multilingual_model_dir: Path) -> OnnxEncoder:
    return OnnxEncoder(multilingual_model_dir)


@pytest.fixture(scope="module")
def many(multilingual_model_dir: Path, own: OnnxEncoder, models_dir: Path) -> MultilingualEncoder:
    encoder = load_multilingual(multilingual_model_dir, own, models_dir)
    assert encoder is not None
    return encoder


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("ein roter Stern", "a red star"),  # of its lessons, in other words
        ("zeig mir bitte blaue Quadrate", "a blue square"),
        ("un cercle vert", "a green circle"),  # a language that nobody taught it
        ("a purple ring", "a purple ring"),
    ],
)
def test_a_text_finds_the_vector_of_the_english_one(
    many: MultilingualEncoder, own: OnnxEncoder, text: str, english: str
) -> None:
    texts = [
        f"a {color} {shape}"
        for color in ("red", "blue", "green", "purple")
        for shape in ("star", "square", "circle", "ring")
    ]
    (vector,) = many.encode_text([text])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
    assert texts[int((own.encode_text(texts) @ vector).argmax())] == english


def test_pictures_are_read_by_the_model_itself(many: MultilingualEncoder, own: OnnxEncoder) -> None:
    picture = Image.new("RGB", (64, 64), (220, 40, 40))
    assert np.array_equal(many.encode_images([picture]), own.encode_images([picture]))
    assert (many.name, many.dimension, many.fingerprint) == (
        own.name,
        own.dimension,
        own.fingerprint,
    )
    assert many.encode_text([]).shape == (0, own.dimension)


def test_without_a_head_or_without_the_package_a_model_reads_english_alone(
    shapes_model_dir: Path,
    multilingual_model_dir: Path,
    own: OnnxEncoder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_multilingual(shapes_model_dir, own) is None
    monkeypatch.setattr(packages, "_is_installed", lambda _module: False)
    assert load_multilingual(multilingual_model_dir, own) is None


def test_the_head_of_another_model_is_refused(
    shapes_model_dir: Path, own: OnnxEncoder, models_dir: Path, tmp_path: Path
) -> None:
    directory = shutil.copytree(shapes_model_dir, tmp_path / "model")
    some_head().save(directory / HEAD_FILE)
    with pytest.raises(ModelError, match="gives 5 numbers, the model 64"):
        load_multilingual(directory, own, models_dir)


def test_texts_without_targets_are_refused(e5: E5) -> None:
    with pytest.raises(TrainingError, match="2 texts have 1 targets"):
        teach(e5, ["ein Hund", "a dog"], np.ones((1, 4), np.float32))
