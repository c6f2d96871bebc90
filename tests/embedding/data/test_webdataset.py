"""WebDataset shards: read once, pictures left where they are, every fault named."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedding.data.decode import TruncatedImage, open_image
from embedding.data.pairs import Pairs, load_pairs
from embedding.data.webdataset import TarMember, expand_pattern
from embedding.errors import DataError
from embedding.model.feature_cache import extract_features
from embedding.model.joint import JointEmbedding
from embedding.training.config import TrainConfig
from embedding.training.train import train


def picture(color: str, form: str = "JPEG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(data, form)
    return data.getvalue()


def write_shard(path: Path, *files: tuple[str, bytes | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files:
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def captions_by_image(pairs: Pairs) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in pairs.image_ids}
    for caption, image in zip(pairs.captions, pairs.caption_to_image, strict=True):
        found[pairs.image_ids[image]].append(caption)
    return found


def reasons(pairs: Pairs) -> dict[str, str]:
    return {item.what: item.why for item in pairs.skipped}


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    folder = tmp_path / "shards"
    write_shard(
        folder / "000.tar",
        ("a.jpg", picture("red")),
        ("a.txt", "A red  wall\nsomething red\n\n"),
        ("a.cls", "7"),
        ("in/b.png", picture("blue", "PNG")),
        ("in/b.json", json.dumps({"captions": ["blue", " "], "width": 40, "caption": "sky"})),
    )
    write_shard(
        folder / "001.tar",
        ("._a.jpg", b"left by a Mac"),
        ("a.txt", "green"),
        ("a.JPG", picture("green")),
        ("both.jpg", picture("grey")),
        ("both.json", '{"caption": "told twice", "url": "http://127.0.0.1:9/x"}'),
        ("both.txt", "told in the text"),
    )
    return folder


def test_samples_of_a_folder(shards: Path) -> None:
    pairs = load_pairs(f"webdataset:{shards}")
    assert captions_by_image(pairs) == {
        "000.tar/a.jpg": ["A red wall", "something red"],
        "000.tar/in/b.png": ["sky", "blue"],
        "001.tar/a.JPG": ["green"],
        "001.tar/both.jpg": ["told in the text"],
    }
    assert pairs.skipped == []
    assert pairs.image_paths is not None
    middle = [open_image(path).getpixel((20, 15)) for path in pairs.image_paths]
    for found, expected in zip(middle, [(254, 0, 0), (0, 0, 255), (0, 128, 1)], strict=False):
        assert np.abs(np.subtract(found, expected)).max() <= 3
    assert [path.name for path in pairs.image_paths[:2]] == ["a.jpg", "b.png"]
    assert len({str(path.absolute()) for path in pairs.image_paths}) == 4


def test_patterns(shards: Path, tmp_path: Path) -> None:
    assert expand_pattern("a-{08..10}.tar") == ["a-08.tar", "a-09.tar", "a-10.tar"]
    assert expand_pattern("{a,b}/{0..1}") == ["a/0", "a/1", "b/0", "b/1"]
    assert expand_pattern("plain") == ["plain"]
    every = load_pairs(f"webdataset:{shards}")
    for pattern in ("{000..001}.tar", "*.tar", "00{0,1}.tar", "{*,000}.tar"):
        assert load_pairs(f"webdataset:{shards}/{pattern}").image_ids == every.image_ids
    one = load_pairs(f"webdataset:{shards}/001.tar")
    assert one.image_ids == ["001.tar/a.JPG", "001.tar/both.jpg"]
    with pytest.raises(DataError, match=r"no shard .*002\.tar, given as .*check the pattern"):
        load_pairs(f"webdataset:{shards}/{{000..002}}.tar")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no shards"):
        load_pairs(f"webdataset:{tmp_path / 'empty'}")


def test_splits_by_name_and_by_json(tmp_path: Path) -> None:
    for name in ("train-000", "val-000", "train2014/000", "latest-000"):
        write_shard(tmp_path / f"{name}.tar", ("x.jpg", picture("red")), ("x.txt", name))
    write_shard(
        tmp_path / "more.tar",
        ("x.jpg", picture("red")),
        ("x.json", '{"caption": "more", "split": "test"}'),
    )
    spec = f"webdataset:{tmp_path}"
    assert sorted(load_pairs(spec, "train").captions) == ["train-000", "train2014/000"]
    assert load_pairs(spec, "dev").captions == ["val-000"]
    assert load_pairs(spec, "test").captions == ["more"]
    assert len(load_pairs(spec).captions) == 5


def test_every_fault_is_named_and_none_is_fatal(tmp_path: Path) -> None:
    write_shard(
        tmp_path / "faults.tar",
        ("good.jpg", picture("red")),
        ("good.txt", "red"),
        ("silent.jpg", picture("red")),
        ("empty.jpg", picture("red")),
        ("empty.txt", " \n"),
        ("lonely.txt", "no picture"),
        ("latin.jpg", picture("red")),
        ("latin.txt", "caf\xe9".encode("latin-1")),
        ("list.jpg", picture("red")),
        ("list.json", "[1]"),
        ("odd.jpg", picture("red")),
        ("odd.json", '{"captions": [null, 3]}'),
        ("good.jpg", picture("red")),
        ("good.txt", "again"),
    )
    whole = write_shard(
        tmp_path / "short.tar",
        ("kept.jpg", picture("blue")),
        ("kept.txt", "kept"),
        ("cut.jpg", picture("blue")),
    )
    whole.write_bytes(whole.read_bytes()[:2600])
    garbled = write_shard(tmp_path / "garbled.tar", ("g.jpg", picture("red")), ("g.txt", "g"))
    data = bytearray(garbled.read_bytes())
    data[data.index(b"g.txt")] ^= 255
    garbled.write_bytes(data)
    (tmp_path / "text.tar").write_text("this is no tar file, whatever its name says\n" * 50)
    pairs = load_pairs(f"webdataset:{tmp_path}")
    assert pairs.captions == ["red", "kept"]
    why = reasons(pairs)
    for what, part in {
        "faults.tar/silent.jpg": "empty caption, or none",
        "faults.tar/empty.jpg": "empty caption, or none",
        "faults.tar/odd.jpg": "empty caption, or none",
        "faults.tar/lonely": "no picture",
        "faults.tar/latin.jpg": "captions cannot be read",
        "faults.tar/list.jpg": "the JSON is not an object",
        "faults.tar/good.jpg": "two of this name",
        "short.tar": "damaged",
        "garbled.tar": "no file begins at byte",
        "garbled.tar/g.jpg": "empty caption, or none",
        "text.tar": "damaged",
    }.items():
        assert part in why[what], what


def test_a_shard_that_was_cut_gives_truncated_pictures(shards: Path) -> None:
    pairs = load_pairs(f"webdataset:{shards}/000.tar")
    assert pairs.image_paths is not None
    member = pairs.image_paths[0]
    assert isinstance(member, TarMember)
    member.shard.write_bytes(member.shard.read_bytes()[: member.offset + 400])
    with pytest.raises(TruncatedImage, match=r"a\.jpg"):
        open_image(member)


def test_features_come_straight_from_the_shards(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    files = [shapes_dir / f"{name}-0.png" for name in ("red-star", "blue-ring")]
    shard = write_shard(
        tmp_path / "shapes.tar",
        *((f"{file.stem}.png", file.read_bytes()) for file in files[:1]),
        ("red-star-0.txt", "a red star"),
        ("broken.jpg", b"\xff\xd8\xff no picture"),
        ("broken.txt", "a broken picture"),
        *((f"{file.stem}.png", file.read_bytes()) for file in files[1:]),
        ("blue-ring-0.txt", "a blue ring"),
    )
    model = JointEmbedding.load(shapes_model_dir)
    pairs = load_pairs(f"webdataset:{shard}")
    found = extract_features(model, pairs, cache_dir=tmp_path / "cache")
    assert found.kept.tolist() == [0, 2]
    assert [item.what for item in found.skipped] == ["shapes.tar/broken.jpg"]
    direct = model.encode_image_features([Image.open(file) for file in files])
    np.testing.assert_allclose(found.vectors[0], direct, atol=1e-4)
    # Nothing was unpacked.
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} <= {
        ".tar",
        ".sqlite",
        ".sqlite-shm",
        ".sqlite-wal",
    }


@pytest.mark.parametrize("tuned", ["no", "yes"])
def test_training_from_shards(shapes_dir: Path, tmp_path: Path, tuned: str) -> None:
    for split in ("train", "val"):
        files: list[tuple[str, bytes | str]] = []
        for path in sorted(shapes_dir.glob("*-star-*.png")):
            words = " ".join(path.stem.split("-")[:2])
            files += [(path.name, path.read_bytes()), (f"{path.stem}.txt", f"a {words}")]
        write_shard(
            tmp_path / "shards" / f"{split}-000.tar", *files, ("bad.png", b"no"), ("bad.txt", "bad")
        )
    config = TrainConfig(
        dimension=16, image_hidden=0, text_hidden=0, image_size=64, train_image=tuned, epochs=2
    )
    result = train(
        f"webdataset:{tmp_path / 'shards'}", config, tmp_path / "run", cache_dir=tmp_path
    )
    assert result.metrics["images"] == 18
    assert {item.what for item in result.skipped} == {
        "train-000.tar/bad.png",
        "val-000.tar/bad.png",
    }
