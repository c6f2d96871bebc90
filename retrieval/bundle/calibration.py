"""What is measured of a gallery and its model when they are put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from embedding.model.encoder import Encoder
from retrieval.bundle import manifest
from retrieval.bundle.examples import choose_examples
from retrieval.search.confidence import Confidence, calibrate, sample_captions
from retrieval.search.cosines import Cosines
from retrieval.search.phrases import mean_direction, wordings
from retrieval.search.query_bank import TypicalRequests, known_bank
from retrieval.search.scenes import SCENES, Scenes
from retrieval.search.searcher import Searcher
from retrieval.store.embedded import open_store
from retrieval.store.protocol import Picture
from retrieval.store.vectors import Vectors

__all__ = ["Measures", "measure"]

_SAMPLE = 1_000


@dataclass(frozen=True)
class Measures:
    """What stands in the manifest."""

    confidence: Confidence
    cosines: Cosines
    examples: list[str]


def measure(
    directory: Path, encoder: Encoder, vectors: Vectors, pictures: Sequence[Picture]
) -> Measures:
    """Measure a bundle that is being built, and write what is too large for its manifest.

    Args:
        directory: of the bundle, with its store and its model.
        encoder: of that model.
        vectors: (n, dimension) of the pictures; may be mapped from the disk.
        pictures: of the same rows.
    """
    captions = [picture.captions for picture in pictures]
    requests: TypicalRequests | None = None
    bank = known_bank(directory / manifest.MODEL, encoder)
    if bank is not None:
        requests = TypicalRequests.measure(bank, vectors, captions)
        requests.save(directory / manifest.REQUESTS)

    def direction(label: str) -> Vectors:
        known = requests.direction(label) if requests is not None else None
        return mean_direction(encoder.encode_text(wordings(label))) if known is None else known

    scenes = Scenes.measure(direction)
    scenes.save(directory / manifest.SCENES)
    said = [caption for own in captions for caption in own]
    store = open_store(directory / manifest.STORE)
    try:
        sample = sample_captions(said)
        texts = encoder.encode_text(sample) if sample else vectors[:0]
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
    finally:
        store.close()
