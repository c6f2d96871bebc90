"""The report is one file, shows what was measured, and shows captions as text."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from embedding.data.pairs import Pairs, load_pairs
from embedding.evaluation.recall import Metrics, recall
from embedding.evaluation.report import write_report
from embedding.evaluation.report_charts import Series, line_chart
from embedding.evaluation.report_map import make_plane, make_sprite

NASTY = "</script><img src=x onerror=alert(1)> {{title}} & \"quotes\" 'too'"


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def vectors(pairs: Pairs, noise: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Captions near their pictures, with a gap between the two clouds."""
    random = np.random.default_rng(0)
    images = unit(random.normal(size=(len(pairs.image_ids), 16)))
    texts = images[pairs.caption_to_image] + noise * random.normal(size=(len(pairs.captions), 16))
    return unit(texts + 2.0), unit(images - 2.0)


def written(path: Path, pairs: Pairs, **more: object) -> str:
    texts, images = vectors(pairs)
    metrics = recall(texts, images, pairs.caption_to_image, intervals=True)
    write_report(
        path,
        title="a run",
        metrics=metrics,
        pairs=pairs,
        text_vectors=texts,
        image_vectors=images,
        **more,  # type: ignore[arg-type]
    )
    return path.read_text(encoding="utf-8")


def space(page: str) -> dict[str, list[dict[str, object]]]:
    found = re.search(r'<script type="application/json" id="space">(.*?)</script>', page, re.S)
    assert found
    loaded: dict[str, list[dict[str, object]]] = json.loads(found[1])
    return loaded


@pytest.fixture
def pairs(shapes_dir: Path) -> Pairs:
    loaded = load_pairs(f"csv:{shapes_dir}").subset(range(40))
    loaded.captions[3] = NASTY
    return loaded


def test_one_file_with_pictures_captions_curves_and_folds(pairs: Pairs, tmp_path: Path) -> None:
    texts, images = vectors(pairs)
    fold: Metrics = recall(texts, images, pairs.caption_to_image)
    history = [
        {"fold": f, "epoch": e, "loss": 4.0 / e, **({"r1": 10.0 * e} if e > 1 else {})}
        for f in (0, 1)
        for e in (1, 2, 3)
    ]
    page = written(
        tmp_path / "new" / "report.html",
        pairs,
        history=history,
        folds=[fold, fold],
        settings={"loss": "infonce"},
    )
    drawn = space(page)
    assert len(drawn["pictures"]) == 40
    assert len(drawn["captions"]) == 80
    assert NASTY in [caption["text"] for caption in drawn["captions"]]
    assert all(0 <= point["x"] <= 1 for point in drawn["pictures"])  # type: ignore[operator]
    assert page.count("<polyline") == 4
    assert "mean ± sd" in page
    assert "infonce" in page
    assert "data:image/jpeg;base64," in page
    # Nothing is fetched, nothing a caption holds became markup or was filled in.
    assert not re.search(r"<[^>]*(src|href)=|https?://(?!www\.w3\.org/2000/svg)|@import", page)
    assert "{{title}}" in json.dumps(drawn)
    assert page.count("<img") == 0
    assert len(page) < 1_000_000


def test_captions_are_escaped_among_the_misses(pairs: Pairs, tmp_path: Path) -> None:
    pairs.captions[:] = [NASTY] * len(pairs.captions)
    page = written(tmp_path / "report.html", pairs)
    assert "&lt;/script&gt;&lt;img src=x" in page
    assert "<img" not in page


def test_published_rows_are_there_for_flickr8k_and_ours_is_marked(
    pairs: Pairs, tmp_path: Path
) -> None:
    flickr = Pairs(**{**vars(pairs), "name": "flickr8k:photos"})
    page = written(tmp_path / "report.html", flickr)
    assert "IMRAM" in page
    assert len(re.findall("<tr class='ours'>", page)) == 1
    assert "IMRAM" not in written(tmp_path / "other.html", pairs)


def test_features_without_pictures_say_so(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    features = Pairs(
        "features:x",
        [f"id-{i}" for i in range(8)],
        [f"caption {i}" for i in range(16)],
        np.arange(16) // 2,
        features=random.normal(size=(8, 4)).astype(np.float32),
    )
    page = written(tmp_path / "report.html", features)
    assert "no pictures" in page
    assert "data:image" not in page
    assert {p["cell"] for p in space(page)["pictures"]} == {None}  # type: ignore[arg-type]


def test_the_plane_puts_captions_near_their_pictures_despite_the_gap(pairs: Pairs) -> None:
    texts, images = vectors(pairs, noise=0.1)
    plane = make_plane(texts, images)
    assert plane.method == "t-SNE"
    assert plane.gap > 1.5
    distances = np.linalg.norm(plane.texts[:, None] - plane.images[None], axis=2)
    nearest = (distances.argmin(axis=1) == pairs.caption_to_image).mean()
    assert nearest > 0.8


def test_a_picture_that_cannot_be_read_is_left_out(pairs: Pairs, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    paths = list(pairs.image_paths or [])
    paths[1] = tmp_path / "broken.png"
    sprite = make_sprite(Pairs(**{**vars(pairs), "image_paths": paths}), [0, 1, 2])
    assert sprite.cells == {0: 0, 2: 1}


def test_a_chart_of_one_epoch_and_of_large_values_stays_in_its_frame() -> None:
    for points in ([(1.0, 0.0)], [(1.0, 3.0)], [(e, 731.0 * e) for e in range(1, 60)]):
        svg = line_chart([Series("loss", points)], x_title="epoch")
        places = re.findall(r'cx="([\d.-]+)" cy="([\d.-]+)"', svg)
        assert len(places) == len(points)
        assert all(0 <= float(x) <= 480 and 0 <= float(y) <= 250 for x, y in places)
