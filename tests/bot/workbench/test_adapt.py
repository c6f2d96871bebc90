"""`showtell adapt`: a gallery's own words are learned, or the gallery stays as it is."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from bot.commands.main import app
from bot.workbench.adapt import NoGain
from retrieval.bundle.bundle import Bundle, current_version, list_versions
from retrieval.bundle.manifest import MODEL
from retrieval.search.query import Query
from tests.fixtures.bundles import copy_bundles
from tests.fixtures.jargon import COLOR_WORDS, SHAPE_WORDS, publish_jargon


def adapt(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["adapt", *map(str, arguments)], catch_exceptions=False)


def found_by_looks(bundle: Bundle) -> float:
    """Return for how many kinds of things the first picture is one, asked for in jargon."""
    searcher = bundle.make_searcher(words=False, meaning=False)
    kinds = {
        f"{shape_word} {color_word}": f"{color}-{shape}-"
        for color, color_word in COLOR_WORDS.items()
        for shape, shape_word in SHAPE_WORDS.items()
    }
    first = {text: searcher.search(Query(texts=(text,)), 1).hits[0].picture.path for text in kinds}
    return sum(first[text].startswith(kind) for text, kind in kinds.items()) / len(kinds)


def test_a_shops_own_words_are_learned_and_the_version_before_stays(
    jargon_bundles: Path, tmp_path: Path
) -> None:
    bundles = copy_bundles(jargon_bundles, tmp_path / "bundles")
    old = current_version(bundles)
    pairs = tmp_path / "corrections.jsonl"
    lines = [
        {"image": "red-star-0.png", "caption": "the Stella of the window"},
        {"image": "gone.png", "caption": "nothing"},
    ]
    pairs.write_text("".join(json.dumps(line) + "\n" for line in lines))

    done = adapt(bundles, "--pairs", pairs, "--only-measure")
    assert done.exit_code == 0
    assert "gone.png: no picture of the gallery has this path" in done.output
    assert "91 captions held out in turn" in done.output
    assert list_versions(bundles) == [old]

    done = adapt(bundles, "--pairs", pairs)
    assert done.exit_code == 0
    new = current_version(bundles)
    assert f"Bundle {new} is live: 90 pictures, 90 of them not encoded again" in done.output
    assert list_versions(bundles) == [old, new]
    with Bundle.open(bundles, old) as before, Bundle.open(bundles) as after:
        rows = np.arange(90)
        np.testing.assert_array_equal(before.store.vectors(rows), after.store.vectors(rows))
        assert before.store.pictures(rows) == after.store.pictures(rows)
        assert after.store.attribution == before.store.attribution
        assert after.manifest.model_name == "shapes-adapted"
        assert after.manifest.confidence != before.manifest.confidence
        # Captions were encoded anew, by the model that has learned them.
        caption = after.encoder.encode_text(list(after.store.pictures([0])[0].captions))
        np.testing.assert_allclose(after.store.vectors([0], "captions"), caption, atol=1e-5)
        assert before.requests
        assert after.requests
        assert len(after.requests.bank.vectors) == len(before.requests.bank.vectors) + 91
        assert found_by_looks(before) < 0.3
        assert found_by_looks(after) > 0.6
    # What did not change takes no room twice.
    weights = "onnx/image.onnx"
    assert (bundles / old / MODEL / weights).samefile(bundles / new / MODEL / weights)


def test_captions_that_teach_nothing_change_nothing(
    shapes_dir: Path, shapes_model_dir: Path, tmp_path: Path
) -> None:
    bundles = publish_jargon(shapes_dir, shapes_model_dir, tmp_path / "bundles", shift=31)
    live = current_version(bundles)
    with pytest.raises(NoGain, match=rf"bundle {live} stays as it is: .* may be nothing"):
        adapt(bundles)
    assert list_versions(bundles) == [live]
    assert NoGain.exit_code == 1
