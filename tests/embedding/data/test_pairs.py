"""Every kind of data set, with the faults that real ones have."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embedding.data.captions import read_captions
from embedding.data.pairs import KINDS, Pairs, load_folder, load_pairs
from embedding.errors import DataError


def put_images(directory: Path, *names: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(directory / name)
    return directory


def captions_by_image(pairs: Pairs) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in pairs.image_ids}
    for caption, image in zip(pairs.captions, pairs.caption_to_image, strict=True):
        found[pairs.image_ids[image]].append(caption)
    return found


def test_flickr8k(tmp_path: Path) -> None:
    put_images(tmp_path / "images", "a.jpg", "b.jpg", "c.jpg")
    (tmp_path / "Flickr8k.token.txt").write_text(
        "a.jpg#0\tA dog .\na.jpg#1\tA  brown dog .\nb.jpg#0\tA cat .\nc.jpg#0\t\n"
        "gone.jpg#0\tNothing .\nbroken line\n"
    )
    (tmp_path / "Flickr_8k.trainImages.txt").write_text("a.jpg\ngone.jpg\n")
    (tmp_path / "Flickr_8k.devImages.txt").write_text("b.jpg\nc.jpg\n")
    train = load_pairs(f"flickr8k:{tmp_path}", "train")
    assert captions_by_image(train) == {"a.jpg": ["A dog .", "A brown dog ."]}
    assert load_pairs(f"flickr8k:{tmp_path}", "val").image_ids == ["b.jpg"]
    assert train.image_paths == [tmp_path / "images" / "a.jpg"]
    reasons = {item.what: item.why for item in train.skipped}
    assert "no such file" in reasons["gone.jpg"]
    assert "no tab" in reasons["Flickr8k.token.txt, line 6"]
    assert "empty caption" in reasons["Flickr8k.token.txt, line 4"]
    with pytest.raises(DataError, match="no usable pictures in the split 'test'"):
        load_pairs(f"flickr8k:{tmp_path}", "test")


def test_flickr30k(tmp_path: Path) -> None:
    put_images(tmp_path / "flickr30k-images", "1.jpg", "2.jpg")
    (tmp_path / "results.csv").write_text(
        "image_name| comment_number| comment\n"
        '1.jpg| 0| Two men .\n1.jpg| 1| Men .\n2.jpg| 0| "A bus\n2.jpg| 1 A dog\n'
    )
    (tmp_path / "train.txt").write_text("1\n")
    (tmp_path / "test.txt").write_text("2\n")
    assert captions_by_image(load_pairs(f"flickr30k:{tmp_path}", "train")) == {
        "1.jpg": ["Two men .", "Men ."]
    }
    test = load_pairs(f"flickr30k:{tmp_path}", "test")
    # A quotation mark opens nothing; a row without its caption is named.
    assert captions_by_image(test) == {"2.jpg": ['"A bus']}
    assert [(s.what, s.why) for s in test.skipped] == [
        ("results.csv, line 5", "2 columns instead of 3")
    ]


def test_karpathy(tmp_path: Path) -> None:
    put_images(tmp_path / "images", "val2014/x.jpg", "y.jpg")
    records = [
        {
            "filepath": "val2014",
            "filename": "x.jpg",
            "split": "restval",
            "sentences": [{"raw": "x"}],
        },
        {"filename": "y.jpg", "split": "val", "sentences": [{"raw": "y"}, {"raw": " "}]},
    ]
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": records}))
    assert load_pairs(f"karpathy:{tmp_path}", "train").image_ids == ["val2014/x.jpg"]
    dev = load_pairs(f"karpathy:{tmp_path / 'dataset_coco.json'}", "dev")
    assert dev.captions == ["y"]
    assert dev.skipped[0].what == "y.jpg"
    # The pictures may lie in their sub-folders right beside the JSON; a sentence may be missing.
    put_images(tmp_path, "train2014/z.jpg")
    records.append(
        {
            "filepath": "train2014",
            "filename": "z.jpg",
            "split": "train",
            "sentences": [{"raw": None}, {"raw": "z"}],
        }
    )
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": records}))
    train = load_pairs(f"karpathy:{tmp_path}", "train")
    assert captions_by_image(train) == {"val2014/x.jpg": ["x"], "train2014/z.jpg": ["z"]}
    assert [item.what for item in train.skipped] == ["y.jpg", "train2014/z.jpg"]
    (tmp_path / "dataset_coco.json").write_text('{"images": [{"filename": 3}]}')
    with pytest.raises(DataError, match="not a Karpathy split"):
        load_pairs(f"karpathy:{tmp_path}")


def test_pictures_may_lie_in_folders_that_are_named_behind_the_list(tmp_path: Path) -> None:
    put_images(tmp_path / "a", "x.jpg")
    put_images(tmp_path / "b", "y.jpg")
    (tmp_path / "lists").mkdir()
    file = tmp_path / "lists" / "dataset_flickr8k.json"
    records = [{"filename": name, "sentences": [{"raw": name}]} for name in ("x.jpg", "y.jpg")]
    file.write_text(json.dumps({"images": records}))
    pairs = load_pairs(f"karpathy:{file}:{tmp_path / 'a'}:{tmp_path / 'b'}")
    assert pairs.image_paths == [tmp_path / "a" / "x.jpg", tmp_path / "b" / "y.jpg"]
    with pytest.raises(DataError, match=r"there is no .*gone"):
        load_pairs(f"karpathy:{file}:{tmp_path / 'gone'}")
    # A path that holds the separator is one path.
    odd = put_images(tmp_path / "a:b", "z.jpg")
    (odd / "captions.csv").write_text("file,caption\nz.jpg,a dog\n")
    assert load_pairs(f"csv:{odd}").image_ids == ["z.jpg"]


def test_a_karpathy_record_without_a_split_or_a_name_costs_itself_alone(tmp_path: Path) -> None:
    put_images(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    sentences = [{"raw": "x"}]
    records = [
        {"filename": "a.jpg", "sentences": sentences},
        {"sentences": sentences, "split": "train"},
        {"filename": "b.jpg", "split": "train", "sentences": sentences},
        {"filename": "c.jpg", "split": "holdout", "sentences": sentences},
        "nothing",
    ]
    (tmp_path / "dataset.json").write_text(json.dumps({"images": records}))
    everything = load_pairs(f"karpathy:{tmp_path}")
    assert everything.image_ids == ["a.jpg", "b.jpg", "c.jpg"]
    assert load_pairs(f"karpathy:{tmp_path}", "train").image_ids == ["b.jpg"]
    assert [item.what for item in everything.skipped] == [
        "dataset.json, image 1",
        "dataset.json, image 4",
        "c.jpg",
    ]
    assert "there is no split 'holdout'" in everything.skipped[-1].why


@pytest.mark.parametrize(
    "text",
    [
        'file,caption,place\na.png,"red, round",Rome\nb.png,blue,\na.png,again,\nx\n,none,\n',
        "caption\tfile\tplace\nred, round\ta.png\tRome\nblue\tb.png\t\nagain\ta.png\t\n"
        "x\nnone\t\t\n",
        "\ufeffFile;Caption;Place\na.png;red, round;Rome\nb.png;blue;\na.png;again;\nx\n;none;\n",
    ],
    ids=["commas", "tabs", "semicolons and a byte order mark"],
)
def test_csv(tmp_path: Path, text: str) -> None:
    put_images(tmp_path, "a.png", "b.png")
    (tmp_path / "captions.csv").write_text(text, encoding="utf-8")
    pairs = load_pairs(f"csv:{tmp_path}")
    assert captions_by_image(pairs) == {"a.png": ["red, round", "again"], "b.png": ["blue"]}
    assert pairs.metadata == [{"place": "Rome"}, {}]
    assert len(pairs.skipped) == 2
    assert load_pairs(f"csv:{tmp_path / 'captions.csv'}").fingerprint() == pairs.fingerprint()


def test_csv_without_the_columns_says_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"'a,b'.*file and caption"):
        load_pairs(f"csv:{tmp_path}")


def test_names_that_lead_out_of_the_folder_are_skipped(tmp_path: Path) -> None:
    put_images(tmp_path, "secret.png")
    data = put_images(tmp_path / "data", "a.png")
    (data / "captions.csv").write_text(
        f"file,caption\n../secret.png,x\n{tmp_path / 'secret.png'},y\na.png,z\n"
    )
    pairs = load_pairs(f"csv:{data}")
    assert pairs.image_ids == ["a.png"]
    assert all("leads out" in item.why for item in pairs.skipped)
    assert len(pairs.skipped) == 2


def test_names_that_are_no_names_are_skipped(tmp_path: Path) -> None:
    put_images(tmp_path, "a.png")
    long = "x" * 5000
    (tmp_path / "captions.csv").write_text(f"file,caption\n{long},x\nnul\0,y\na.png,z\n")
    pairs = load_pairs(f"csv:{tmp_path}")
    assert pairs.image_ids == ["a.png"]
    assert len(pairs.skipped) == 2


def test_jsonl(tmp_path: Path) -> None:
    put_images(tmp_path, "a.png", "b.png")
    lines = [
        {"file": "a.png", "captions": ["one", "two"], "year": 1999},
        {"image": "b.png", "caption": "three", "split": "test"},
        {"image": "b.png"},
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    (tmp_path / "captions.jsonl").write_text(text + "\n{broken\n[1]\n")
    pairs = load_pairs(f"jsonl:{tmp_path}")
    assert captions_by_image(pairs) == {"a.png": ["one", "two"], "b.png": ["three"]}
    assert pairs.metadata[0] == {"year": "1999"}
    assert len(pairs.skipped) == 3
    assert load_pairs(f"jsonl:{tmp_path}", "test").image_ids == ["b.png"]


def test_folder_with_and_without_captions(tmp_path: Path) -> None:
    put_images(tmp_path, "beach/two_dogs-01.jpg", "IMG_2033.jpg", "redCar.PNG")
    (tmp_path / "notes.txt").write_text("not a picture")
    pairs = load_pairs(f"folder:{tmp_path}")
    assert captions_by_image(pairs) == {
        "IMG_2033.jpg": [],
        "beach/two_dogs-01.jpg": ["beach two dogs"],
        "redCar.PNG": ["red car"],
    }
    (tmp_path / "captions.csv").write_text("file,caption\nredCar.PNG,a fast car\nno.jpg,x\n")
    pairs = load_pairs(f"folder:{tmp_path}")
    assert captions_by_image(pairs)["redCar.PNG"] == ["a fast car"]
    assert pairs.skipped[0].what == "no.jpg"


def test_wrong_specifications_say_what_is_right(tmp_path: Path) -> None:
    for spec in ("nonsense", "mnist:/x", ""):
        with pytest.raises(DataError, match="KIND:PATH"):
            load_pairs(spec)
    with pytest.raises(DataError, match="check the path"):
        load_pairs(f"csv:{tmp_path / 'missing'}")
    with pytest.raises(DataError, match=r"captions\.csv"):
        load_pairs(f"csv:{tmp_path}")
    with pytest.raises(DataError, match="no usable pictures"):
        load_pairs(f"folder:{tmp_path}")
    assert "openmoji" in KINDS


def test_read_captions_knows_three_forms(tmp_path: Path) -> None:
    path = tmp_path / "captions"
    for text in ("file,caption\na.jpg,x\n", "a.jpg#0\tx\n", '{"file": "a.jpg", "caption": "x"}'):
        path.write_text(text)
        assert read_captions(path) == {"a.jpg": ["x"]}
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        read_captions(path)


def test_a_subset_keeps_the_order_given_and_the_captions_right() -> None:
    pairs = Pairs(
        name="x",
        image_ids=["a", "b", "c"],
        captions=["a1", "b1", "a2", "c1"],
        caption_to_image=np.array([0, 1, 0, 2]),
        features=np.eye(3, dtype=np.float32),
        metadata=[{"n": "a"}, {"n": "b"}, {"n": "c"}],
    )
    part = pairs.subset([2, 0])
    assert (part.image_ids, part.captions) == (["c", "a"], ["c1", "a1", "a2"])
    assert part.caption_to_image.tolist() == [0, 1, 1]
    assert part.metadata == [{"n": "c"}, {"n": "a"}]
    assert part.features is not None
    assert part.features.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert part.fingerprint() != pairs.fingerprint()
    with pytest.raises(DataError, match="belongs to none"):
        Pairs("x", ["a"], ["c"], np.array([1]))


def test_a_folder_is_read_without_what_is_hidden(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "sub/c.webp", ".hidden/d.png", "sub/.e.png", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "sub" / "around").symlink_to(tmp_path)
    assert load_folder(tmp_path).image_ids == ["a.png", "b.JPG", "sub/c.webp"]


def test_a_folder_takes_captions_from_a_file_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "IMG_1.jpg").touch()
    told = tmp_path / "told.csv"
    told.write_text("file,caption\nIMG_1.jpg,a red ball\nIMG_2.jpg,nothing\n")
    pairs = load_folder(folder, told)
    assert pairs.captions == ["a red ball"]
    assert [skipped.what for skipped in pairs.skipped] == ["IMG_2.jpg"]
    with pytest.raises(DataError, match=r"missing\.csv"):
        load_folder(folder, tmp_path / "missing.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        load_folder(tmp_path / "empty")
