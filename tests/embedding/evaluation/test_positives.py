"""Where several answers are right, all of them count, as ECCV Caption counts them."""

import json
from pathlib import Path

import numpy as np
import pytest

from embedding.data.pairs import Pairs
from embedding.errors import DataError
from embedding.evaluation.positives import Positives, judge, read_positives
from embedding.evaluation.recall import Embedded
from embedding.model.vectors import unit


def pairs_of(captions: list[str], owners: list[int], images: list[str]) -> Pairs:
    return Pairs("karpathy:x", images, captions, np.array(owners, dtype=np.int64))


def slowly(scores: list[float], right: set[int]) -> tuple[float, float, float]:
    """R@1, R-precision and mAP@R by their definitions, one step after the other."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i in right))
    hits = [place in right for place in order[: len(right)]]
    precisions = [sum(hits[: k + 1]) / (k + 1) if hit else 0 for k, hit in enumerate(hits)]
    return float(hits[0]), sum(hits) / len(hits), sum(precisions) / len(hits)


def test_figures_are_those_of_their_definitions() -> None:
    random = np.random.default_rng(0)
    texts, images = (unit(random.normal(size=(n, 4)).astype(np.float32)) for n in (30, 12))
    embedded = Embedded(pairs_of(["x"] * 30, [0] * 30, [str(i) for i in range(12)]), texts, images)
    positives = Positives(
        images={i: random.choice(12, 1 + i % 5, replace=False) for i in range(0, 30, 2)},
        captions={i: random.choice(30, 3 + i, replace=False) for i in (1, 4, 7)},
    )
    judged = judge(embedded, positives)
    for way, queries, gallery, right in (
        ("text_to_image", texts, images, positives.images),
        ("image_to_text", images, texts, positives.captions),
    ):
        rows = [
            slowly((queries[q] @ gallery.T).tolist(), set(r.tolist())) for q, r in right.items()
        ]
        found = judged["text_to_image" if way == "text_to_image" else "image_to_text"]
        for name, mean in zip(
            ("r1", "r_precision", "map_at_r"), np.mean(rows, axis=0), strict=True
        ):
            assert found[name] == pytest.approx(100 * mean, abs=0.01)  # type: ignore[literal-required]
            low, high = found["intervals"][name]
            assert low <= found[name] <= high  # type: ignore[literal-required]
        assert found["queries"] == len(right)


def test_a_wrong_answer_that_scores_as_high_stands_first() -> None:
    same = np.ones((2, 1), dtype=np.float32)
    embedded = Embedded(pairs_of(["a", "b"], [0, 1], ["x", "y"]), same, same)
    only = {0: np.array([0]), 1: np.array([1])}
    judged = judge(embedded, Positives(only, only))
    assert judged["text_to_image"]["r1"] == judged["image_to_text"]["map_at_r"] == 0


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


def test_numbers_of_coco_lead_to_pictures_and_captions(tmp_path: Path) -> None:
    def record(number: int, *captions: str) -> dict[str, object]:
        sentences = [
            {"raw": f" {text} ", "sentid": 10 * number + i} for i, text in enumerate(captions)
        ]
        return {
            "filepath": "v",
            "filename": f"{number}.jpg",
            "cocoid": number,
            "sentences": sentences,
        }

    listing = write(
        tmp_path / "dataset_coco.json",
        {"images": [record(1, "a dog", "a cat"), record(2, "a dog"), record(3, "gone")]},
    )
    pairs = pairs_of(["a dog", "a cat", "a dog"], [0, 0, 1], ["v/1.jpg", "v/2.jpg"])
    prefix = tmp_path / "eccv"
    write(tmp_path / "eccv_caption_to_image.json", {"11": [1], "20": [2, 1, 3], "30": [1]})
    backward = write(tmp_path / "eccv_image_to_caption.json", {"1": [20, 10, 11], "3": [10]})
    positives = read_positives(prefix, listing, pairs)
    # What is not among the pairs, as query or as answer, is left out.
    assert {q: r.tolist() for q, r in positives.images.items()} == {1: [0], 2: [0, 1]}
    assert {q: r.tolist() for q, r in positives.captions.items()} == {0: [0, 1, 2]}

    write(backward, {"7": [1]})
    with pytest.raises(DataError, match="none of the 1 queries"):
        read_positives(prefix, listing, pairs)
    write(backward, [1])
    with pytest.raises(DataError, match="lists no further positives"):
        read_positives(prefix, listing, pairs)
    write(listing, {"images": [{"filename": "1.jpg", "filepath": "v"}]})
    with pytest.raises(DataError, match="cocoid and sentid"):
        read_positives(prefix, listing, pairs)
