"""What is measured of a gallery and its model when they are put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedding.model.encoder import Encoder
from retrieval.bundle.examples import choose_examples
from retrieval.search.confidence import Confidence, calibrate, sample_captions
from retrieval.search.cosines import Cosines
from retrieval.search.phrases import mean_direction, wordings
from retrieval.search.query_bank import RequestBank, TypicalRequests, known_bank
from retrieval.search.scenes import SCENES, Scenes
from retrieval.search.searcher import Searcher
from retrieval.store.protocol import Store
from retrieval.store.vectors import Vectors

__all__ = ["Measures", "measure", "measure_model"]

_SAMPLE = 1_000


@dataclass(frozen=True)
class Measures:
    """What stands in the manifest."""

    confidence: Confidence
    cosines: Cosines
    examples: list[str]


def measure_model(model_dir: Path, encoder: Encoder) -> tuple[RequestBank | None, Scenes]:
    """Return what a model alone decides: its typical requests, if any, and how scenes look.

    Args:
        model_dir: where the model was loaded from.
        encoder: of that model.
    """
    bank = known_bank(model_dir, encoder)

    def direction(label: str) -> Vectors:
        known = bank.direction(label) if bank is not None else None
        return mean_direction(encoder.encode_text(wordings(label))) if known is None else known

    return bank, Scenes.measure(direction)


def measure(
    store: Store,
    encoder: Encoder,
    requests: TypicalRequests | None,
    scenes: Scenes,
    captions: Sequence[Sequence[str]],
) -> Measures:
    """Measure a gallery that is being built.

    Args:
        store: the gallery.
        encoder: of the model that made its vectors.
        requests: typical ones; None where there are none.
        scenes: how they look to the model.
        captions: of each picture.
    """
    sample = sample_captions([caption for own in captions for caption in own])
    texts = encoder.encode_text(sample) if sample else np.zeros((0, store.dimension), np.float32)
    confidence = calibrate(encoder.encode_text, store, requests, texts)
    # Captions that tell their pictures from others are what people ask for; file names and
    # the like are not, and everyday scenes stand in for them.
    if confidence.by_captions is None:
        texts = encoder.encode_text(list(SCENES))
    cosines = Cosines.measure(store.vectors(store.sample(_SAMPLE)), texts)
    searcher = Searcher(
        store, encoder, requests=requests, scenes=scenes, cosines=cosines, confidence=confidence
    )
    by_captions = confidence.by_captions is not None
    examples = choose_examples(searcher, encoder, captions, by_captions=by_captions)
    return Measures(confidence, cosines, examples)
