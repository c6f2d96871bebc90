"""MiniLM for understanding: in whole numbers, and hardly another for it."""

from pathlib import Path

import numpy as np
import pytest

from embedding.errors import ModelError
from embedding.model.encoder import SentenceEncoder
from embedding.model.towers import load_modules
from embedding.packages import minilm_directory
from embedding.pretrained.sentences import load_sentence_encoder

LEAST_COSINE = 0.998
TEXTS = [
    "a dog that runs on a beach",
    "more like the second one, but without people",
    "hello",
    "¿Dónde está la montaña?",
    "an old man who reads a newspaper " * 40,
]


def test_its_vectors_are_those_of_the_published_model(sentence_encoder: SentenceEncoder) -> None:
    ours = sentence_encoder.encode_sentences(TEXTS)
    theirs = load_modules(minilm_directory()).encode(TEXTS, normalize_embeddings=True)
    cosines = (ours * theirs).sum(axis=1)
    assert cosines.min() >= LEAST_COSINE, cosines
    assert cosines.min() < 1 - 1e-6, "this is float32"


def test_a_text_has_the_vector_in_a_batch_that_it_has_alone(
    sentence_encoder: SentenceEncoder,
) -> None:
    together = sentence_encoder.encode_sentences(TEXTS)
    alone = np.concatenate([sentence_encoder.encode_sentences([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_a_graph_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    """It is written by another process: a server would keep the gigabyte that torch takes."""
    (tmp_path / "models").write_text("a file")
    with pytest.raises(ModelError, match=r"^the graphs of the model .* cannot be written to"):
        load_sentence_encoder(tmp_path / "models")
