"""A map learned from some captions leads others to their pictures too, and is linear."""

import numpy as np
import pytest

from embedding.adaptation.text_map import TextMap, learn_map
from embedding.model.vectors import Vectors, unit

DIMENSION, PICTURES = 16, 200


def world(noise: float = 0.0) -> tuple[Vectors, Vectors]:
    """Return captions and pictures, one of each, whose spaces are turned against each other."""
    rng = np.random.default_rng(0)
    pictures = unit(rng.normal(size=(PICTURES, DIMENSION)).astype(np.float32))
    turn = np.linalg.qr(rng.normal(size=(DIMENSION, DIMENSION)))[0].astype(np.float32)
    texts = pictures @ turn + noise * rng.normal(size=pictures.shape).astype(np.float32)
    return unit(texts), pictures


def found(texts: Vectors, pictures: Vectors, owners: np.ndarray) -> float:
    """Return the share of texts whose picture is the nearest."""
    return float(((texts @ pictures.T).argmax(axis=1) == owners).mean())


def test_captions_that_it_did_not_see_find_their_pictures() -> None:
    texts, pictures = world(noise=0.05)
    seen, unseen = np.arange(100), np.arange(100, PICTURES)
    learned = learn_map(texts[seen], seen, pictures)
    assert found(texts[unseen], pictures, unseen) < 0.1
    assert found(learned.apply(texts[unseen]), pictures, unseen) > 0.5


def test_what_the_model_knew_is_kept_where_there_is_nothing_to_learn() -> None:
    _, pictures = world()
    rows = np.arange(PICTURES)
    learned = learn_map(pictures, rows, pictures)
    assert found(learned.apply(pictures), pictures, rows) == 1


def test_several_captions_of_a_picture_all_lead_to_it() -> None:
    texts, pictures = world()
    owners = np.repeat(np.arange(PICTURES), 2)
    learned = learn_map(np.repeat(texts, 2, axis=0), owners, pictures)
    once = learn_map(texts, np.arange(PICTURES), pictures)
    np.testing.assert_allclose(learned.matrix, once.matrix, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("length", [1.0, 5.0])
def test_how_long_a_vector_is_does_not_matter(length: float) -> None:
    matrix = np.array([[0, 2], [1, 0]], np.float32)
    mapped = TextMap(matrix).apply(length * np.array([[3, 4]], np.float32))
    np.testing.assert_allclose(mapped, unit(np.array([[4, 6]], np.float32)), rtol=1e-6)
