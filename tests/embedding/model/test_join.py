"""A joined model ranks as its members do together, and is a model like any other."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sentence_transformers import SentenceTransformer
from typer.testing import CliRunner

from bot.commands.main import app
from embedding.data.pairs import load_pairs
from embedding.errors import ModelError
from embedding.model.feature_cache import extract_features
from embedding.model.join import join_models
from embedding.model.joint import JointEmbedding
from embedding.model.take_apart import encoders_of_network
from embedding.model.towers import Tower, build_head, image_tower, lstm_tower, text_tower
from embedding.pretrained.packing import pack_model
from embedding.pretrained.shipped import assemble
from embedding.training.config import TrainConfig
from embedding.training.train import train
from tests.fixtures.foreign import FOREIGN
from tests.fixtures.models import build_model

TEXTS = ["a red star", "two dogs run along the beach", "http://127.0.0.1:9/x.png", ""]


def fresh(seed: int, image: str = "efficientnet-lite0", **sizes: int) -> JointEmbedding:
    torch.manual_seed(seed)
    settings = {"dimension": 24, "text_hidden": 0, "image_hidden": 0, **sizes}
    return build_model(image, **settings)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (n, 2 * n, 3), dtype=np.uint8) for n in (3, 8, 20, 60)]
    return [Image.fromarray(picture).resize((120, 90)) for picture in noise]


@pytest.fixture(scope="module")
def members() -> list[JointEmbedding]:
    return [
        fresh(1, "efficientnet-lite0", text_hidden=384, image_hidden=32),
        fresh(
            2,
            "efficientnet-lite0+efficientnet-lite0",
            dimension=16,
            text_hidden=384,
            image_hidden=40,
        ),
    ]


@pytest.fixture(scope="module")
def features(members: list[JointEmbedding], pictures: list[Image.Image]) -> list[np.ndarray]:
    return [member.encode_image_features(pictures) for member in members]


@pytest.fixture(scope="module")
def joined(members: list[JointEmbedding], features: list[np.ndarray]) -> JointEmbedding:
    return join_models(members, TEXTS, features, name="both")


def lengthened(model: JointEmbedding, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return text and image vectors before normalisation, of mean length 1."""
    with torch.no_grad():
        sentences = torch.cat([model.text.encode(model.preprocess([text])) for text in TEXTS])
        both = model.text.project(sentences), model.image.project(torch.from_numpy(features))
        return tuple((rows / rows.norm(dim=1).mean()).numpy() for rows in both)  # type: ignore[return-value]


def test_it_ranks_as_its_members_do_together(
    members: list[JointEmbedding], features: list[np.ndarray], joined: JointEmbedding
) -> None:
    texts, images = zip(
        *(lengthened(m, f) for m, f in zip(members, features, strict=True)), strict=True
    )
    together = sum(t @ i.T for t, i in zip(texts, images, strict=True))
    lengths = np.linalg.norm(np.hstack(texts), axis=1)[:, None] * np.linalg.norm(
        np.hstack(images), axis=1
    )
    found = joined.encode_text(TEXTS) @ joined.encode_features(np.hstack(features)).T
    np.testing.assert_allclose(found, together / lengths, atol=1e-4)
    assert joined.dimension == 40


def test_it_is_a_model_like_any_other(
    joined: JointEmbedding, pictures: list[Image.Image], tmp_path: Path
) -> None:
    joined.save(tmp_path / "model", {"data": {"name": "noise"}})
    again = JointEmbedding.load(tmp_path / "model")
    np.testing.assert_allclose(again.encode_text(TEXTS), joined.encode_text(TEXTS), atol=1e-6)
    np.testing.assert_allclose(
        again.encode_images(pictures), joined.encode_images(pictures), atol=1e-6
    )
    assert again.fingerprint == joined.fingerprint
    assert again.encode_sentences(TEXTS).shape == (4, 768)
    assert [member["name"] for member in again.info["members"]] == [
        "minilm+efficientnet-lite0",
        "minilm+efficientnet-lite0+efficientnet-lite0",
    ]
    # What the packages hold is not stored in the packed form either, and it comes back.
    report = pack_model(tmp_path / "model", tmp_path / "packed", name="both", about="noise")
    assert report.bytes < 1_500_000
    unpacked = JointEmbedding.load(assemble(tmp_path / "packed", tmp_path / "models"))
    assert (unpacked.encode_text(TEXTS) * joined.encode_text(TEXTS)).sum(axis=1).min() > 0.999


def test_one_network_is_taken_out_again_with_the_text_encoder_beside_it(
    members: list[JointEmbedding], joined: JointEmbedding, pictures: list[Image.Image]
) -> None:
    text, image = encoders_of_network(joined, "efficientnet-lite0")
    alone = JointEmbedding.from_towers(
        Tower(text, build_head(384, 8, hidden=0, dropout=0.0), 384),
        Tower(image, build_head(1280, 8, hidden=0, dropout=0.0), 1280),
        name="alone",
    )
    for taken, own in (
        (alone.encode_text_features(TEXTS), members[0].encode_text_features(TEXTS)),
        (alone.encode_image_features(pictures), members[0].encode_image_features(pictures)),
    ):
        np.testing.assert_allclose(taken, own, atol=1e-5)
    with pytest.raises(ModelError, match="no image network 'efficientnet-lite2'; it has eff"):
        encoders_of_network(joined, "efficientnet-lite2")


def test_a_plain_sentence_transformer_loads_it(joined: JointEmbedding, tmp_path: Path) -> None:
    joined.save(tmp_path / "model", {})
    plain = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    assert plain.encode("a dog").shape == (40,)
    assert plain.encode(Image.new("RGB", (50, 40))).shape == (40,)


def test_the_main_directions_are_kept(
    members: list[JointEmbedding], features: list[np.ndarray], joined: JointEmbedding
) -> None:
    # Eight samples span at most eight directions: nothing of them is lost with as many kept.
    small = join_models(members, TEXTS, features, name="small", dimension=8)
    assert small.dimension == 8
    whole, part = (
        model.encode_text(TEXTS) @ model.encode_features(np.hstack(features)).T
        for model in (joined, small)
    )
    np.testing.assert_allclose(part, whole, atol=1e-3)
    with pytest.raises(ModelError, match="dimension is 41; the members have 40"):
        join_models(members, TEXTS, features, name="large", dimension=41)


def test_training_goes_on_from_it(
    shapes_dir: Path, tiny_text_model: Path, pictures: list[Image.Image], tmp_path: Path
) -> None:
    members = [
        JointEmbedding.from_towers(
            text_tower(str(tiny_text_model), 8, hidden=0, dropout=0.0),
            image_tower("efficientnet-lite0", 8, hidden=0, dropout=0.0),
            name="member",
        )
        for _ in range(2)
    ]
    seen = members[0].encode_image_features(pictures)
    joined = join_models(members, TEXTS, [seen, seen], name="both")
    joined.save(tmp_path / "model", {})
    config = TrainConfig(
        start_from=str(tmp_path / "model"),
        image_tower="efficientnet-lite0",
        train_text="yes",
        train_image="yes",
        train_size=64,
        frozen_blocks=15,
        epochs=1,
        batch_size=30,
        evaluate_every=1,
    )
    pairs = load_pairs(f"csv:{shapes_dir}").subset(range(20))
    result = train(pairs, config, tmp_path / "run", cache_dir=tmp_path / "cache")
    trained = JointEmbedding.load(result.model_dir)
    before, after = (model.module.state_dict() for model in (joined, trained))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    for part in (
        "text.0.model.members.0.encoder",
        "text.0.model.members.1.encoder",
        "image.0.model.members.0",
        "image.0.model.members.1",
        "text.3",
        "image.3",
    ):
        assert any(part in name for name in moved), part
    assert not any("word_embeddings" in name for name in moved)


def test_members_may_take_pictures_of_different_sizes(pictures: list[Image.Image]) -> None:
    small, large = (
        JointEmbedding.from_towers(
            text_tower("minilm", 8, hidden=0, dropout=0.0),
            image_tower("efficientnet-lite0", 8, hidden=0, dropout=0.0, image_size=side),
            name=str(side),
        )
        for side in (96, 192)
    )
    both = join_models(
        [small, large],
        TEXTS,
        [model.encode_image_features(pictures) for model in (small, large)],
        name="both",
    )
    with torch.no_grad():
        prepared = both.preprocess(pictures)
        assert prepared["pixel_values"].shape[-1] == 192
        found = both.image.encode(dict(prepared)).float().numpy()
        alone = large.image.encode(dict(large.preprocess(pictures))).float().numpy()
        half = torch.nn.functional.interpolate(
            prepared["pixel_values"], (96, 96), mode="bilinear", antialias=True
        )
        other = small.image.encode({**prepared, "pixel_values": half}).float().numpy()
    np.testing.assert_allclose(found, np.hstack([other, alone]), atol=1e-4)


def with_lstm() -> JointEmbedding:
    image = image_tower("efficientnet-lite0", 8, hidden=0, dropout=0.0)
    return JointEmbedding.from_towers(lstm_tower(["a dog"], 8), image, name="lstm")


def squashing() -> JointEmbedding:
    image = image_tower("efficientnet-lite0", 8, hidden=0, dropout=0.0, fit="squash")
    return JointEmbedding.from_towers(
        text_tower("minilm", 8, hidden=0, dropout=0.0), image, name="squashing"
    )


def on_features() -> JointEmbedding:
    text = text_tower("minilm", 8, hidden=0, dropout=0.0)
    linear = build_model(dimension=8, text_hidden=0, image_hidden=0)
    return JointEmbedding.from_towers(text, Tower([], linear.image.head, 1280), name="features")


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (with_lstm, "'lstm' cannot be joined: each of its encoders must be a transformer"),
        (squashing, "prepare pictures, in different ways"),
        (on_features, "'features' cannot be joined"),
        (lambda: fresh(3, text_hidden=384), "different layers"),
    ],
)
def test_what_does_not_fit_is_refused(other, why: str, pictures: list[Image.Image]) -> None:
    first, second = fresh(1), other()
    seen = [np.ones((3, 1280), np.float32)] * 2
    with pytest.raises(ModelError, match=why):
        join_models([first, second], TEXTS, seen, name="x")
    with pytest.raises(ModelError, match="1 model cannot be joined"):
        join_models([first], TEXTS, seen[:1], name="x")


def test_foreign_models_are_refused(foreign_models: dict[str, Path]) -> None:
    foreign = JointEmbedding.load(foreign_models[FOREIGN[0]])
    with pytest.raises(ModelError, match="only models of `showtell train`"):
        join_models([fresh(1), foreign], TEXTS, [np.ones((3, 1280), np.float32)] * 2, name="x")


def test_the_command(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWTELL_DATA_DIR", str(tmp_path / "data"))
    data = f"csv:{shapes_dir}"
    done = CliRunner().invoke(
        app,
        [
            "join",
            str(shapes_model_dir),
            str(shapes_model_dir),
            "--data",
            data,
            "--out",
            str(tmp_path / "run"),
        ],
    )
    assert done.exit_code == 0, done.output
    pairs = load_pairs(data).subset(range(0, 90, 6))
    twice, once = JointEmbedding.load(tmp_path / "run"), JointEmbedding.load(shapes_model_dir)
    assert twice.dimension == 2 * once.dimension
    # A model joined with itself ranks as it does.
    seen = [
        extract_features(model, pairs, cache_dir=tmp_path / "data" / "cache").vectors[0]
        for model in (twice, once)
    ]
    texts = sorted(set(pairs.captions))[:10]
    both = [
        m.encode_text(texts) @ m.encode_features(v).T
        for m, v in zip((twice, once), seen, strict=True)
    ]
    np.testing.assert_allclose(both[0], both[1], atol=2e-3)
