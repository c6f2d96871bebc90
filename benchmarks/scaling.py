"""How the cost of a search, of its question and of a build grows with the gallery.

    python benchmarks/scaling.py [--sizes 7000 100000] [--dimension 512]

The pictures are made up: a build reads, decodes and encodes nothing, and a search encodes nothing
either, so that what is measured is the gallery alone. A search has two texts, 10 filters, 3
exclusions and 200 pictures that must not come; the larger gallery has inverted lists.

Prints JSON: milliseconds of CPU time, the median of 30 searches; microseconds a picture for the
build without FAISS's part in it, and for that (placing the centres of inverted lists costs the
square root of the gallery for each picture; below 50,000 there are none); and the ratios. Ends
with 1 if a turn in the largest gallery takes more than 3 times what it takes in the smallest, or
a picture's share of the build more than 1.5 times.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.made_up import MadeUpEncoder, picture_like
from retrieval.bundle.bundle import Bundle, Candidate, build_bundle
from retrieval.bundle.sources import Source
from retrieval.search.query import Query
from retrieval.search.query_bank import REQUESTS, RequestBank
from retrieval.store.faiss_index import FaissIndex, build_index
from retrieval.store.vectors import Vectors

WORDS = [f"thing{i}" for i in range(3_000)]
SEARCHES = 30
MOST_SEARCH, MOST_BUILD = 3.0, 1.5


def candidates(count: int) -> list[Candidate]:
    """Return pictures with five captions, a date, tags and a folder each."""
    rng = np.random.default_rng(0)
    # As in language: few words are frequent, most are rare.
    chosen = np.minimum(rng.zipf(1.3, (count, 5, 8)) - 1, len(WORDS) - 1)
    return [
        Candidate(
            Path(f"folder{row % 50}/part{row % 7}/{row}.png"),
            tuple(" ".join(WORDS[word] for word in caption) for caption in chosen[row]),
            {
                "date": f"20{row % 20:02}-{1 + row % 12:02}",
                "tags": f"all,tag{row % 30}",
                "n": str(row),
            }
            | {f"key{i}": "yes" for i in range(8) if row % (i + 2)},
        )
        for row in range(count)
    ]


def source(candidate: Candidate, _root: Path) -> Source:
    """Return a picture that was never read."""
    return Source(
        str(candidate.path), hashlib.sha256(str(candidate.path).encode()).hexdigest(), b""
    )


def measure(count: int, dimension: int, folder: Path) -> dict[str, float]:
    """Return the times for one size of gallery."""
    encoder = MadeUpEncoder(dimension)
    model = folder / "model"
    model.mkdir(parents=True)
    RequestBank(encoder.encode_text([f"request {i}" for i in range(2_500)]), {}).save(
        model / REQUESTS
    )
    vectors = picture_like(np.random.default_rng(0), count, dimension)
    done = 0

    def encode(hashes: Sequence[str], _pictures: Sequence[Image.Image]) -> Vectors:
        nonlocal done
        done += len(hashes)
        return vectors[done - len(hashes) : done]

    indexing = 0.0

    def index(vectors: Vectors) -> FaissIndex:
        nonlocal indexing
        start = time.process_time()
        built = build_index(vectors)
        indexing += time.process_time() - start
        return built

    pixel = Image.new("RGB", (1, 1))
    images = candidates(count)
    with (
        patch("retrieval.bundle.collector.read_source", source),
        patch("retrieval.bundle.collector._decode", lambda _source: (pixel, (1, 1))),
        patch("retrieval.store.embedded.build_index", index),
        patch("retrieval.bundle.bundle.load_encoder", lambda _directory: encoder),
    ):
        start = time.process_time()
        version = build_bundle(
            images,
            root=folder,
            model_dir=model,
            bundles=folder / "bundles",
            encoder=encoder,
            encode_pictures=encode,
        ).version
        build = time.process_time() - start
        with Bundle.open(folder / "bundles", version, verify=False) as bundle:
            return {
                "build_us_a_picture": 1e6 * (build - indexing) / count,
                "faiss_us_a_picture": 1e6 * indexing / count,
            } | time_searches(bundle)


def time_searches(bundle: Bundle) -> dict[str, float]:
    """Return the median milliseconds of a search and of its groups."""
    shown = [one.image_id for one in bundle.store.pictures(range(0, 2_000, 10))]
    # Together they leave a tenth or so; each is another one every time, as in a conversation.
    filters = [("tag", "all"), ("date", "2001..2018"), *((f"key{i}", "yes") for i in range(4, 8))]
    searches, groups = [], []
    for turn in range(SEARCHES):
        query = Query(
            texts=(f"{WORDS[turn]} and {WORDS[turn + 9]}", WORDS[turn + 100]),
            excluded=(WORDS[turn + 50], f"{WORDS[turn + 3]} {WORDS[turn + 1]}", "people"),
            filters=(*filters, *(("date", f"200{i}..20{10 + turn % 9}") for i in range(2, 6))),
        )
        start = time.process_time()
        result = bundle.searcher.search(query, shown=shown)
        between = time.process_time()
        bundle.searcher.groups(query, result)
        searches.append(between - start)
        groups.append(time.process_time() - between)
    return {
        "search_ms": 1_000 * float(np.median(searches)),
        "groups_ms": 1_000 * float(np.median(groups)),
    }


def main() -> None:
    """Measure each size, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[7_000, 100_000])
    parser.add_argument("--dimension", type=int, default=512)
    options = parser.parse_args()
    result: dict[str, Any] = {}
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(size, options.dimension, Path(folder))
        result[str(size)] = {name: round(value, 2) for name, value in figures.items()}
        print(f"{size:,}: {result[str(size)]}", file=sys.stderr)
    first, last = (result[str(size)] for size in (options.sizes[0], options.sizes[-1]))
    ratios = {name: round(last[name] / max(first[name], 1e-3), 2) for name in first}
    print(json.dumps(result | {"ratios": ratios}, indent=2))
    turn = (last["search_ms"] + last["groups_ms"]) / (first["search_ms"] + first["groups_ms"])
    good = turn <= MOST_SEARCH and ratios["build_us_a_picture"] <= MOST_BUILD
    print(
        f"{'good' if good else 'TOO MUCH'}: a turn takes {turn:.2f} times as long "
        f"(at most {MOST_SEARCH}), a picture of a build "
        f"{ratios['build_us_a_picture']:.2f} times (at most {MOST_BUILD})"
    )
    sys.exit(not good)


if __name__ == "__main__":
    main()
