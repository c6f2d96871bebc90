"""Models saved by Showtell 0.2.0 still load, and give the vectors that they gave.

The files were written by 0.2.0 and are kept as they are.
"""

import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from sentence_transformers.sentence_transformer.modules import Transformer

from embedding.model.efficientnet import load_efficientnet_lite
from embedding.model.joint import JointEmbedding
from embedding.model.towers import image_tower

SAVED = Path(__file__).parent / "saved_by_0_2_0"
FINGERPRINT = "8e00cb7c67fcaaf0"
TEXTS = {
    "a red star": (-0.329943, 0.215258, -0.487796, 0.235797, -0.168669, -0.092545, 0.275951),
    "the dog runs": (-0.333178, 0.212807, -0.490172, 0.240363, -0.185505, -0.097621, 0.267965),
    "http://127.0.0.1:9/x.png": (-0.305435, 0.227228, -0.583697, 0.148633, -0.413709),
}
IMAGES = ((-0.259949, -0.545914, -0.05511), (0.376206, 0.468951, 0.034964))


def test_a_model_directory_gives_the_same_vectors() -> None:
    model = JointEmbedding.load(SAVED / "lstm")
    assert (model.name, model.dimension, model.is_ours) == ("small", 8, True)
    assert model.info["data"] == {"name": "three captions"}
    assert not model.reads_images
    for text, numbers in TEXTS.items():
        vector = model.encode_text([text])[0]
        np.testing.assert_allclose(vector[: len(numbers)], numbers, atol=2e-6)
    images = model.encode_features(np.eye(5, dtype=np.float32)[:2])
    np.testing.assert_allclose(images[:, :3], IMAGES, atol=2e-6)
    # Features in a cache, and bundles, are found again by it.
    assert model.fingerprint == FINGERPRINT


def test_an_image_encoder_gives_the_same_vectors(tmp_path: Path) -> None:
    directory = Path(shutil.copytree(SAVED / "efficientnet", tmp_path / "image"))
    weights = load_efficientnet_lite().state_dict()
    save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})
    saved = Transformer(str(directory), config_kwargs={"local_files_only": True})
    today = image_tower("efficientnet-lite0", 8, hidden=0, dropout=0.0).encoder[0]
    picture = Image.linear_gradient("L").resize((90, 60))
    with torch.no_grad():
        before, after = (
            encoder(encoder.preprocess([picture]))["token_embeddings"] for encoder in (saved, today)
        )
    assert before.shape == (1, 49, 1280)
    torch.testing.assert_close(before, after, rtol=0, atol=0)
