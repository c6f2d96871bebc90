"""Models of a hub: fetched at a pinned revision, compared, and then used without a connection."""

import shutil
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense

from embedding.errors import ModelError
from embedding.model.joint import JointEmbedding
from embedding.onnx.encoder import OnnxEncoder
from embedding.pretrained import catalogue
from embedding.pretrained.catalogue import KnownModel, Source, known_model
from embedding.pretrained.hub import fetch, fetched
from embedding.pretrained.names import find_exported, load_model
from embedding.pretrained.pairing import pair_models
from tests.fixtures.hub import Hub

CLIP = Source("openai/tiny-clip", "c" * 40)
MANY = Source("sentence-transformers/tiny-multilingual", "d" * 40)


@pytest.fixture
def tiny_clip(hub: Hub, foreign_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny CLIP on the hub, under the names clip and clip-multilingual."""
    hub.repositories[CLIP.repository, CLIP.revision] = foreign_models["clip"]
    clip, many = known_model("clip"), known_model("clip-multilingual")
    assert clip
    assert many
    tiny: tuple[KnownModel, ...] = (
        replace(clip, source=CLIP),
        replace(many, source=CLIP, texts=MANY),
    )
    monkeypatch.setattr(catalogue, "KNOWN", tiny)
    return foreign_models["clip"]


def test_what_was_fetched_is_used_without_a_connection(
    hub: Hub, tiny_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWTELL_DATA_DIR", str(tmp_path / "data"))
    with pytest.raises(ModelError, match=r"'clip' is not on this machine; .*pull clip` \(605 MB"):
        find_exported("clip")
    path, compared = fetch(CLIP)
    assert path.name == CLIP.revision
    assert compared == len([*path.rglob("*.*")])
    hub.close()
    directory = find_exported("clip")
    assert directory.name == f"clip-{CLIP.revision[:12]}"
    encoder, expected = OnnxEncoder(directory), JointEmbedding.load(tiny_clip)
    assert encoder.name == load_model("clip").name == "clip"
    np.testing.assert_allclose(
        encoder.encode_text(["a dog"]), expected.encode_text(["a dog"]), atol=1e-4
    )


def test_another_file_than_the_hub_names_is_refused(hub: Hub, tiny_clip: Path) -> None:
    hub.altered.add("model.safetensors")
    with pytest.raises(ModelError, match=r"model\.safetensors has the hash .* the hub names"):
        fetch(CLIP)
    assert tiny_clip.is_dir()


def test_pickled_weights_are_fetched_where_there_are_no_others(
    hub: Hub, tiny_clip: Path, tmp_path: Path
) -> None:
    old = Path(shutil.copytree(tiny_clip, tmp_path / "old"))
    torch.save(load_file(old / "model.safetensors"), old / "pytorch_model.bin")
    hub.repositories[CLIP.repository, CLIP.revision] = old
    safe, _ = fetch(CLIP)
    assert not (safe / "pytorch_model.bin").exists()
    (old / "model.safetensors").unlink()
    other = Source("openai/old-clip", "e" * 40)
    hub.repositories[other.repository, other.revision] = old
    pickled, _ = fetch(other)
    texts = ["a dog"]
    np.testing.assert_allclose(
        JointEmbedding.load(pickled).encode_text(texts),
        JointEmbedding.load(tiny_clip).encode_text(texts),
        atol=1e-6,
    )


def test_no_hub_is_one_sentence_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    with pytest.raises(ModelError, match=r"cannot be fetched from .*copy the model's directory"):
        fetch(CLIP)


def test_a_page_in_the_place_of_an_answer_is_one_sentence(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (200, {"Content-Type": "text/html"}, b"<h1>Sign in to this network</h1>")
    monkeypatch.setattr(hub, "answer", lambda _: page)
    with pytest.raises(ModelError, match="cannot be fetched from http://127"):
        fetch(CLIP)


def test_a_revision_that_is_not_there_is_named(hub: Hub) -> None:
    with pytest.raises(ModelError, match=r"openai/tiny-clip cannot be fetched from "):
        fetch(replace(CLIP, revision="f" * 40))
    assert hub.url


def test_texts_and_pictures_may_be_two_models(
    tiny_text_model: Path,
    tiny_clip: Path,
    hub: Hub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOWTELL_DATA_DIR", str(tmp_path / "data"))
    text = SentenceTransformer(str(tiny_text_model), device="cpu")
    text.append(Dense(32, 16, bias=False, activation_function=torch.nn.Identity()))
    text.save(str(tmp_path / "texts"))
    hub.repositories[MANY.repository, MANY.revision] = tmp_path / "texts"
    for source in (CLIP, MANY):
        fetch(source)
    pair = OnnxEncoder(find_exported("clip-multilingual"))
    expected = text.encode(["a red star"], normalize_embeddings=True)
    np.testing.assert_allclose(pair.encode_text(["a red star"]), expected, atol=1e-4)
    assert pair.name == "clip-multilingual"
    with pytest.raises(ModelError, match=r"gives texts 32 numbers and .* gives pictures 16"):
        pair_models(tiny_text_model, tiny_clip, name="no pair")


def test_models_that_come_with_showtell_have_nothing_to_fetch() -> None:
    photos = known_model("photos")
    assert photos
    assert fetched(photos) == []
