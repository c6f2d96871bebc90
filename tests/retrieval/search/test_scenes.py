from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import RetrievalError
from retrieval.search.scenes import SCENE_STEMS, SCENES, Scenes
from tests.retrieval.stubs import DIMENSION, direction_of


def test_labels_name_what_they_are_told_by() -> None:
    assert len(SCENES) == len({label.lower() for label in SCENES})
    assert all(words.split() for words in SCENES.values())
    assert "child" in SCENE_STEMS["children"]


def test_saved_and_loaded_alike(tmp_path: Path) -> None:
    measured = Scenes.measure(lambda label: direction_of(label).astype(np.float32))
    measured.save(tmp_path)
    loaded = Scenes.load(tmp_path)
    assert loaded.directions.shape == (len(SCENES), DIMENSION)
    np.testing.assert_array_equal(loaded.directions, measured.directions)


def test_scenes_of_another_version_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Scenes(np.zeros((len(SCENES), 3), np.float32)).save(tmp_path)
    monkeypatch.setitem(SCENES, "on the moon", "moon")
    with pytest.raises(RetrievalError, match="not those of this version; index again"):
        Scenes.load(tmp_path)
