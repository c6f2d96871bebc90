"""MiniLM for understanding: in whole numbers, and hardly another for it."""

import numpy as np

from embedding.model.encoder import SentenceEncoder
from embedding.model.towers import load_modules
from embedding.packages import minilm_directory

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
