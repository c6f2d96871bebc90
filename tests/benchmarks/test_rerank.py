"""The second stage re-ranks the first candidates, and nothing else."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from benchmarks.rerank.__main__ import RECIPE, main
from benchmarks.rerank.config import RerankConfig
from benchmarks.rerank.evaluate import best_weight, find_candidates, rerank, score_candidates
from benchmarks.rerank.grids import extract_grids
from benchmarks.rerank.model import Captions, Pictures, Reranker
from benchmarks.rerank.train import fit_reranker, train_reranker
from embedding.data.pairs import Pairs, load_pairs
from embedding.errors import DataError, ModelError, TrainingError
from embedding.evaluation.recall import Embedded, measure
from embedding.model.joint import JointEmbedding
from retrieval.search.query_bank import NEAREST
from retrieval.search.vision import NEARNESS_WEIGHT

THINGS = ("dog", "cat", "boat", "house", "tree", "car", "bird", "horse", "train", "apple")
Learned = tuple[Reranker, Embedded, NDArray[np.float16]]
PLACES, WIDTH = 6, 32
CONFIG = RerankConfig(
    dimension=32, batch_size=20, epochs=12, learning_rate=0.01, average=0.0, evaluate_every=6
)


def pairs_of(things: list[int], name: str) -> Pairs:
    captions = [f"there is a {THINGS[thing]} in it" for thing in things]
    ids = [f"{name}-{i}" for i in range(len(things))]
    return Pairs(name, ids, captions, np.arange(len(things)))


def grids_where_averages_say_nothing(
    things: list[int], random: np.random.Generator
) -> NDArray[np.float16]:
    """Each thing at one place, and its opposite at another: the average of the places is nought."""
    directions = np.random.default_rng(1).normal(size=(len(THINGS), WIDTH))
    directions -= directions.mean(axis=1, keepdims=True)
    grids = np.zeros((len(things), PLACES, WIDTH))
    for row, thing in enumerate(things):
        here, there, *_ = random.permutation(PLACES)
        grids[row, here], grids[row, there] = directions[thing], -directions[thing]
    return grids.astype(np.float16)


def embedded_blindly(pairs: Pairs, random: np.random.Generator) -> Embedded:
    """A joint model that knows nothing: every cosine is the same but for a little noise."""

    def vectors(n: int) -> NDArray[np.float32]:
        rows = np.ones((n, 8)) + random.normal(0, 1e-4, (n, 8))
        unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(
            np.float32
        )
        return unit

    return Embedded(pairs, vectors(len(pairs.captions)), vectors(len(pairs.image_ids)))


@pytest.fixture(scope="module")
def learned() -> Learned:
    random = np.random.default_rng(0)
    things = [i % len(THINGS) for i in range(80)]
    judged = pairs_of(list(range(len(THINGS))), "dev")
    embedded = embedded_blindly(judged, random)
    dev_grids = grids_where_averages_say_nothing(list(range(len(THINGS))), random)
    reports: list[tuple[int, int]] = []
    reranker, metrics, history = fit_reranker(
        pairs_of(things, "train"),
        grids_where_averages_say_nothing(things, random),
        embedded,
        dev_grids,
        CONFIG,
        progress=lambda done, total, what: reports.append((done, total)),
    )
    assert reports[-1] == (48, 48)
    assert [record["epoch"] for record in history if "r1" in record] == [6, 12]
    assert history[-1]["loss"] < history[0]["loss"] / 2
    assert metrics["text_to_image"]["r1"] >= 90
    return reranker, embedded, dev_grids


def test_it_learns_what_only_places_tell(
    learned: Learned,
) -> None:
    reranker, embedded, grids = learned
    assert np.abs(grids.astype(np.float32).mean(axis=1)).max() < 1e-3
    before = measure(embedded)
    after = rerank(reranker, embedded, grids)
    assert before["text_to_image"]["r1"] <= 40
    assert after.metrics["text_to_image"]["r1"] >= 90
    assert after.metrics["image_to_text"]["r1"] >= 90
    assert after.candidates == len(THINGS)
    assert after.metrics["intervals"]["text_to_image"]["r1"][1] <= 100


def test_only_the_first_candidates_move(
    learned: Learned,
) -> None:
    reranker, embedded, grids = learned
    before = find_candidates(embedded, len(THINGS))
    k = 3
    after = rerank(reranker, embedded, grids, k=k)
    assert after.candidates == k
    # Whose picture is among the first three finds it first now; the others stay where they were.
    ranks = np.where(before.text_ranks <= k, 1, before.text_ranks)
    expected = 100 * (ranks <= 1).mean(), 100 * (ranks <= 5).mean()
    found = after.metrics["text_to_image"]
    assert (found["r1"], found["r5"]) == pytest.approx(expected, abs=10)
    assert found["r5"] == measure(embedded)["text_to_image"]["r5"]
    unmoved = rerank(reranker, embedded, grids, k=1)
    assert unmoved.metrics["text_to_image"] == measure(embedded)["text_to_image"]
    assert unmoved.metrics["image_to_text"] == measure(embedded)["image_to_text"]


def test_ties_of_the_second_stage_count_against_us() -> None:
    embedded = embedded_blindly(pairs_of([0, 1, 2, 3], "ties"), np.random.default_rng(0))
    found = find_candidates(embedded, 4)
    flat = np.zeros((4, 4), dtype=np.float32)
    found.image_cosines[:], found.caption_cosines[:] = 0, 0
    _, metrics = best_weight(found, flat, flat, images=4)
    assert metrics["text_to_image"]["median_rank"] == 4
    assert metrics["image_to_text"]["median_rank"] == 4


def test_the_score_is_that_of_the_slow_way(
    learned: Learned,
) -> None:
    reranker, embedded, grids = learned
    captions = reranker.read_all(embedded.pairs.captions[:4])
    pictures = reranker.look_all(grids[:3])
    fast = reranker.score(captions, pictures)
    start = 0
    for c, count in enumerate(captions.counts.tolist()):
        for n in range(3):
            total = float(captions.wholes[c] @ pictures.wholes[n])
            for t in range(start, start + count):
                fits = pictures.places[n] @ captions.words[t]
                attention = torch.softmax(fits * CONFIG.sharpness, dim=0)
                total += float(captions.weights[t] * (attention @ fits))
            assert float(fast[c, n]) == pytest.approx(total, abs=1e-4)
        start += count
    # Candidates are scored as the whole is.
    found = find_candidates(embedded, 3)
    whole = reranker.score(
        reranker.read_all(embedded.pairs.captions), reranker.look_all(grids)
    ).numpy()
    of_texts, of_images = score_candidates(
        reranker, reranker.read_all(embedded.pairs.captions), reranker.look_all(grids), found
    )
    np.testing.assert_allclose(of_texts, np.take_along_axis(whole, found.images, axis=1), atol=1e-5)
    np.testing.assert_allclose(
        of_images, np.take_along_axis(whole.T, found.captions, axis=1), atol=1e-5
    )


def test_what_is_near_to_any_typical_request_steps_back(learned: Learned, tmp_path: Path) -> None:
    reranker, embedded, grids = learned
    captions = reranker.read_all(embedded.pairs.captions)
    before = reranker.look_all(grids)
    assert not before.taken_off.any()
    # Seventy typical requests that ask for dogs in other words, and none for anything else.
    reranker.requests = tuple(f"there is a dog in it {'and so on ' * i}" for i in range(70))
    try:
        after = reranker.look_all(grids)
        reranker.save(tmp_path / "second", {})
        requests = reranker.read_all(reranker.requests)
    finally:
        reranker.requests = ()
    nearest = reranker.score(requests, before).sort(dim=0).values[-NEAREST:]
    torch.testing.assert_close(after.taken_off, NEARNESS_WEIGHT * nearest.mean(dim=0))
    assert after.taken_off.argmax() == THINGS.index("dog")
    torch.testing.assert_close(
        reranker.score(captions, after), reranker.score(captions, before) - after.taken_off
    )
    assert len(Reranker.load(tmp_path / "second").requests) == 70


def test_saved_and_loaded_it_scores_the_same(learned: Learned, tmp_path: Path) -> None:
    reranker, embedded, grids = learned
    reranker.save(tmp_path / "second", {"model": "blind"})
    again = Reranker.load(tmp_path / "second")
    assert again.weight == reranker.weight
    assert again.config == reranker.config

    def scores(model: Reranker) -> torch.Tensor:
        captions: Captions = model.read_all(embedded.pairs.captions)
        pictures: Pictures = model.look_all(grids)
        return model.score(captions, pictures)

    # What is trained with plain matrix products answers with fused ones: in bfloat16 not the same.
    torch.testing.assert_close(scores(again), scores(reranker), atol=5e-3, rtol=0)
    with pytest.raises(ModelError, match=r"\(10, 6, 8\).*takes \(n, places, 32\)"):
        again.look_all(grids[:, :, :8])
    heads = tmp_path / "second" / "heads.safetensors"
    heads.write_bytes(heads.read_bytes()[:50])
    with pytest.raises(ModelError, match=r"cannot be loaded.*train or copy it again"):
        Reranker.load(tmp_path / "second")
    record = tmp_path / "second" / "reranker.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "format": 7}))
    with pytest.raises(ModelError, match="format 7, expected 1"):
        Reranker.load(tmp_path / "second")


def test_no_reranker_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds no re-ranker.*benchmarks\.rerank"):
        Reranker.load(tmp_path)


def test_grids_are_kept_by_content_and_broken_pictures_named(
    shapes_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = load_pairs(f"csv:{shapes_dir}").subset(range(4))
    assert pairs.image_paths is not None
    names = ["efficientnet-lite0", "efficientnet-lite1"]
    with extract_grids(pairs, names, 96, 2, cache_dir=tmp_path) as grids:
        first = grids[np.array([2, 0])]
        assert first.shape == (2, 4, 2560)
        assert len(grids) == 4

    broken = tmp_path / "broken.png"
    broken.write_bytes(pairs.image_paths[1].read_bytes()[:80])
    pairs.image_paths[1] = broken

    def refuse(*_args: object) -> None:
        raise AssertionError("a known picture was looked at again")

    monkeypatch.setattr("benchmarks.rerank.grids.GridEncoder.encode", refuse)
    with extract_grids(pairs, names, 96, 2, cache_dir=tmp_path) as again:
        assert again.kept.tolist() == [0, 2, 3]
        assert [item.what for item in again.skipped] == [pairs.image_ids[1]]
        assert (again[np.array([1, 0])] == first).all()
    only_broken = pairs.subset([1])
    with pytest.raises(DataError, match=r"none of the 1 pictures"):
        extract_grids(only_broken, names, 96, 2, cache_dir=tmp_path)


def test_features_without_pictures_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", np.zeros((20, 1280), dtype=np.float32))
    (tmp_path / "captions.txt").write_text("\n".join(f"{i}#0\ta thing" for i in range(20)))
    pairs = load_pairs(f"features:{tmp_path}")
    with pytest.raises(DataError, match=r"no image files.*data with pictures"):
        extract_grids(pairs, ["efficientnet-lite0"], 96, 2)


def test_one_picture_is_too_few_to_train_on() -> None:
    one = pairs_of([0], "one")
    random = np.random.default_rng(0)
    grids = grids_where_averages_say_nothing([0], random)
    with pytest.raises(DataError, match="fewer than two pictures"):
        fit_reranker(one, grids, embedded_blindly(one, random), grids, CONFIG)


def test_it_is_trained_once_and_measured(
    shapes_dir: Path,
    shapes_model_dir: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SHOWTELL_DATA_DIR", str(tmp_path / "data"))
    settings = tmp_path / "rerank.toml"
    settings.write_text(
        "networks = 'efficientnet-lite0'\nimage_size = 96\nside = 2\ndimension = 16\n"
        "epochs = 1\ncandidates = 4\n"
    )
    out, figures = tmp_path / "second", tmp_path / "figures.json"
    command = [str(shapes_model_dir), f"--data=csv:{shapes_dir}", f"--out={out}"]
    main([*command, f"--config={settings}", f"--json={figures}"])
    printed = capfd.readouterr()
    assert str(out) in printed.err
    record = json.loads((out / "reranker.json").read_text())
    found = json.loads(figures.read_text())
    assert found["reranked"]["text_to_image"] == record["metrics"]["text_to_image"]
    assert found["by_cosine"]["text_to_image"] == record["before"]["text_to_image"]
    assert found["reranked"]["text_to_image"]["r5"] >= found["by_cosine"]["text_to_image"]["r1"]

    main(command)
    again = capfd.readouterr()
    assert "The re-ranker is in" not in again.err
    [line] = (line for line in again.out.splitlines() if "its first 4 re-ranked" in line)
    assert line in printed.out


def test_the_recipe_is_allowed() -> None:
    assert RerankConfig.read(RECIPE).image_size == 384


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ("networks = 'resnet'", "resnet.*efficientnet-lite0"),
        ("epochs = 0", "epochs is 0.*greater than or equal to 1"),
        ("dropout = 1.0", "dropout is 1.0.*less than 1"),
        ("precision = 'float16'", "precision is 'float16'.*'bfloat16' or 'float32'"),
        ("sharpness = 0.0", "sharpness is 0.0.*greater than 0"),
        ("seed = -1", "seed is -1.*greater than or equal to 0"),
        ("folds = 5", "no setting 'folds'"),
        ("epochs = 'many'", "epochs is 'many'.*a valid integer"),
    ],
)
def test_wrong_settings_name_key_and_value(settings: str, named: str, tmp_path: Path) -> None:
    file = tmp_path / "rerank.toml"
    file.write_text(settings)
    with pytest.raises(TrainingError, match=named):
        RerankConfig.read(file)


def test_training_sees_the_train_split_only(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = f"csv:{shapes_dir}"
    split = {name: set(load_pairs(data, name).image_ids) for name in ("train", "dev")}
    seen: list[set[str]] = []

    def watch(learned: Pairs, grids: object, judged: Embedded, *rest: object, **more: object):  # type: ignore[no-untyped-def]
        seen.extend([set(learned.image_ids), set(judged.pairs.image_ids)])
        return fit_reranker(learned, grids, judged, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("benchmarks.rerank.train.fit_reranker", watch)
    config = RerankConfig(
        networks="efficientnet-lite0", image_size=96, side=2, dimension=16, epochs=1
    )
    model = JointEmbedding.load(shapes_model_dir)
    result = train_reranker(model, data, config, tmp_path / "second", cache_dir=tmp_path)
    assert seen == [split["train"], split["dev"]]
    assert result.before["images"] == result.after["images"] == len(split["dev"])
    assert Reranker.load(result.directory).weight == result.weight
