"""The galleries: bundles without captions, built once, and who asks for what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding.data.pairs import Pairs, load_pairs
from embedding.model.feature_cache import cached_pictures
from embedding.model.joint import JointEmbedding
from embedding.pretrained.names import load_model
from retrieval.bundle.bundle import Bundle, Candidate, build_bundle
from retrieval.bundle.manifest import REQUESTS
from retrieval.search.query import Query
from retrieval.search.query_bank import MOST_REQUESTS
from retrieval.search.searcher import Searcher
from retrieval.store.files import sha256_of

ROUNDS = 5
DEEP = 100
"""So many pictures are looked through for the one that is meant."""


class RememberingModel(JointEmbedding):
    """A model that encodes each text once: the same users come again for every question."""

    def __init__(self, model: JointEmbedding) -> None:
        super().__init__(model.module, model.name, model.info)  # type: ignore[arg-type]
        self._known: dict[str, NDArray[np.float32]] = {}

    def encode_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors (n, dimension) of texts."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, super().encode_text(new), strict=True))
        return np.stack([self._known[text] for text in texts])


@dataclass(frozen=True)
class World:
    """One gallery, what its pictures really show, and a search that is not told.

    Attributes:
        searcher: by vision alone, or by captions too.
        bundle: behind it.
        ids: of each picture, in the data set's order; the targets come first.
        captions: of each picture; the first is what is asked for, and never indexed.
    """

    searcher: Searcher
    bundle: Bundle
    ids: list[str]
    captions: list[list[str]]

    def search(self, query: Query, k: int = 10) -> list[str]:
        """Return the ids of the best `k`."""
        return [hit.image_id for hit in self.searcher.search(query, k).hits]

    def mentions(self, words: str) -> NDArray[np.bool_]:
        """Return for each picture whether a caption holds one of the phrases ("man|men")."""
        pattern = re.compile(rf"\b({words})\b", re.IGNORECASE)
        return np.array([any(pattern.search(text) for text in own) for own in self.captions])


def prepare_model(name: str, flickr8k: Path, cache: Path) -> Path:
    """Return a copy of the model that names typical requests, as training leaves them.

    A model that names none gets one caption each of training images, every second one.
    """
    model = load_model(name)
    directory = cache / f"model-{model.fingerprint}"
    if not directory.is_dir():
        if model.directory is not None and (model.directory / REQUESTS).is_file():
            return model.directory
        requests = model.info.get("requests")
        if not requests:
            train = load_pairs(f"flickr8k:{flickr8k}", "train")
            requests = [own[0] for own in train.captions_by_image()[::2]][:MOST_REQUESTS]
        model.save(directory, {"requests": requests})
    return directory


def open_world(
    split: str | None,
    model_dir: Path,
    flickr8k: Path,
    cache: Path,
    features: Path | None,
    model: JointEmbedding,
    *,
    with_captions: bool = False,
) -> World:
    """Build the gallery if it is not there yet, and open it; dev pictures come first.

    With captions, all but the first of each picture are indexed and searched too.
    """
    dev = load_pairs(f"flickr8k:{flickr8k}", "dev")
    paths, captions = _files(dev), dev.captions_by_image()
    if split is None:
        train = load_pairs(f"flickr8k:{flickr8k}", "train")
        paths, captions = (
            [*paths, *_files(train)],
            [*captions, *train.captions_by_image()],
        )
    kind = "-captions" if with_captions else ""
    bundles = cache / f"{model_dir.name}-{split or 'all'}{kind}"
    versions = sorted(path.parent.name for path in bundles.glob("*/manifest.json"))
    if versions:
        version = versions[-1]
    else:
        with cached_pictures(model, features or cache) as encode_pictures:
            version = build_bundle(
                [
                    Candidate(path.absolute(), tuple(own[1:]) if with_captions else ())
                    for path, own in zip(paths, captions, strict=True)
                ],
                root=flickr8k.absolute(),
                model_dir=model_dir,
                encoder=model,
                encode_pictures=encode_pictures,
                bundles=bundles,
            ).version
    bundle = Bundle.open(bundles, version, verify=False)
    searcher = bundle.make_searcher(model, words=with_captions)
    # Not by path: two files of equal content are one picture.
    ids = [sha256_of(path)[:16] for path in paths]
    return World(searcher, bundle, ids, captions)


def _files(pairs: Pairs) -> list[Path]:
    return [path for path in pairs.image_paths or () if isinstance(path, Path)]


def plain(caption: str) -> str:
    """Return a caption as somebody would type it."""
    return caption.strip().rstrip(" .")


def percent(values: object) -> float:
    """Return the mean of truths in percent, to a tenth."""
    return round(100 * float(np.mean(np.asarray(values, float))), 1)


def rank_of(target: str, found: list[str], *, without: str | None = None) -> int:
    """Return the place of a picture among `DEEP` found ones, from 1; one too many if it is not."""
    ranked = [image_id for image_id in found if image_id != without]
    return ranked.index(target) + 1 if target in ranked else DEEP + 1
