"""Adapting a gallery's model to its own captions: measured first, then a new version of it all.

The text side alone learns, so pictures keep their vectors and are not encoded again. The captions
that were learned from join the typical requests: what lies near to all of them steps back, above
all the pictures that the map has seen (docs/experiments.md).
"""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from embedding.adaptation.gain import Gain, measure_gain
from embedding.adaptation.text_map import TextMap, learn_map
from embedding.onnx.encoder import load_encoder
from embedding.progress import Progress, silent
from retrieval.bundle.build import BuildReport
from retrieval.bundle.bundle import Bundle
from retrieval.bundle.catalog import Catalog
from retrieval.bundle.lessons import Material
from retrieval.bundle.previous import Previous
from retrieval.bundle.sources import Candidate
from retrieval.search.query_bank import (
    LEAST_REQUESTS,
    MOST_REQUESTS,
    REQUESTS,
    RequestBank,
    TypicalRequests,
    choose_requests,
    measure_nearness,
)
from retrieval.search.vision import NEARNESS_WEIGHT
from retrieval.store.vectors import Vectors

__all__ = ["WriteModel", "adapt_bundle", "gain_of"]

WriteModel = Callable[[Path, Path, TextMap, dict[str, Any]], None]
"""Source and target directory, the map, and what showtell.json says of it (see
embedding.adaptation.directory)."""


def gain_of(bundle: Bundle, material: Material, progress: Progress = silent) -> Gain:
    """Return what adapting is worth on captions held out, as the search ranks by looks."""
    nearness = partial(_taken_off, bundle, material)
    return measure_gain(material.lessons, nearness, progress)


def adapt_bundle(
    bundle: Bundle,
    material: Material,
    gain: Gain,
    catalog: Catalog,
    write_model: WriteModel,
    progress: Progress = silent,
) -> BuildReport:
    """Write the next version of a gallery with a model that has learned from all its captions.

    Args:
        bundle: the version as it is; it stays.
        material: of it.
        gain: what was measured; kept in the model's showtell.json.
        catalog: of the gallery.
        write_model: writes the model's directory.
        progress: told how many pictures are done.

    Raises:
        ModelError: its model cannot be adapted.
        RetrievalError: none of the pictures can be read any more.
    """
    lessons, store = material.lessons, bundle.store
    text_map = learn_map(lessons.texts, lessons.owners, lessons.pictures)
    about = {
        "from": bundle.manifest.model_fingerprint,
        "captions": len(material.captions),
        "pictures": len(material.pictures),
        "gain_in_recall": {
            f"r{k}": one.value for k, one in zip((1, 5, 10), gain.difference, strict=True)
        },
    }
    candidates = [
        Candidate(Path(one.path), one.captions, dict(one.metadata)) for one in material.pictures
    ]
    with tempfile.TemporaryDirectory() as scratch:
        model_dir = Path(scratch) / "model"
        write_model(bundle.model_dir, model_dir, text_map, {"adapted": about})
        encoder = load_encoder(model_dir)
        bank = _bank(bundle.requests, material.captions, text_map, encoder.encode_text)
        if bank is not None:
            bank.save(model_dir / REQUESTS)
        return catalog.build(
            candidates,
            root=store.root,
            model_dir=model_dir,
            encoder=encoder,
            previous=Previous(store, knows_texts=False),
            attribution=store.attribution,
            progress=progress,
        )


def _taken_off(
    bundle: Bundle, material: Material, text_map: TextMap | None, captions: Vectors
) -> npt.NDArray[np.float32]:
    """Return what the search takes off each picture's score, with a map or without one."""
    requests, pictures = bundle.requests, material.lessons.pictures
    if text_map is None:
        if requests is None:
            return np.zeros(len(pictures), np.float32)
        rows = np.array([picture.row for picture in material.pictures], np.int64)
        return NEARNESS_WEIGHT * requests.nearness[rows]
    if requests is None and len(captions) < LEAST_REQUESTS:
        return np.zeros(len(pictures), np.float32)
    some = captions[:: -(-len(captions) // MOST_REQUESTS)]  # as many as the bundle will have
    vectors = _mapped(requests, text_map, text_map.apply(some))
    bank = RequestBank(vectors, {})
    return NEARNESS_WEIGHT * measure_nearness(bank, pictures, [()] * len(pictures))


def _mapped(requests: TypicalRequests | None, text_map: TextMap, captions: Vectors) -> Vectors:
    """Return the vectors of typical requests, mapped, and of captions behind them."""
    if requests is None:
        return captions
    return np.concatenate([text_map.apply(requests.bank.vectors), captions])


def _bank(
    requests: TypicalRequests | None,
    captions: list[str],
    text_map: TextMap,
    encode: Callable[[Sequence[str]], Vectors],
) -> RequestBank | None:
    """Return the typical requests of the adapted model; None where there are too few."""
    chosen = choose_requests(captions) or ([] if requests is None else sorted({*captions}))
    if not chosen:
        return None
    own = RequestBank.of(chosen, encode)
    if requests is None:
        return own
    known = requests.bank.directions
    old = (
        dict(zip(known, text_map.apply(np.stack([*known.values()])), strict=True)) if known else {}
    )
    # What a word looks like here is told by the captions here, where they hold it.
    return RequestBank(_mapped(requests, text_map, own.vectors), {**old, **own.directions})
