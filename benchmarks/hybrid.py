"""What captions add to vision: recall@10 on Flickr8k's dev images, in one run.

    python benchmarks/hybrid.py runs/f8k ../shared/flickr8k

Four captions of each image are in the gallery, the fifth is the query, so nothing that is searched
for was indexed. Prints JSON: recall@1 and @10 in percent by vision alone, with the words of the
captions (BM25), and with their meaning too, and the ratio of the last to the first.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from embedding.data.pairs import Pairs, load_pairs
from embedding.model.feature_cache import cached_pictures
from embedding.pretrained.names import load_model
from retrieval.bundle.bundle import Bundle, Candidate, build_bundle
from retrieval.search.query import Query
from retrieval.search.searcher import Searcher

QUERIES = 1000


def split_captions(pairs: Pairs) -> tuple[list[Candidate], list[str]]:
    """Return the candidates with all captions but the first, and the first ones."""
    captions = pairs.captions_by_image()
    paths = [path for path in pairs.image_paths or () if isinstance(path, Path)]
    candidates = [
        Candidate(path.absolute(), tuple(texts[1:]))
        for path, texts in zip(paths, captions, strict=True)
    ]
    return candidates, [texts[0] for texts in captions]


def recall(searcher: Searcher, queries: list[str], ids: list[str]) -> dict[str, float]:
    """Return recall@1 and recall@10 in percent."""
    found = [
        [hit.image_id for hit in searcher.search(Query(texts=(text,)), 10).hits] for text in queries
    ]
    return {
        f"r{k}": round(
            100 * sum(i in hits[:k] for i, hits in zip(ids, found, strict=True)) / len(ids), 1
        )
        for k in (1, 10)
    }


def main() -> None:
    """Build, search three ways, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a run of `showtell train`")
    parser.add_argument("flickr8k", type=Path)
    parser.add_argument("--cache", type=Path, help="where training keeps image features")
    options = parser.parse_args()
    pairs = load_pairs(f"flickr8k:{options.flickr8k}", "dev")
    candidates, queries = split_captions(pairs)
    with tempfile.TemporaryDirectory() as folder:
        model = load_model(options.model)
        model.save(Path(folder) / "model", {})
        with cached_pictures(model, options.cache or Path(folder)) as encode_pictures:
            report = build_bundle(
                candidates,
                root=options.flickr8k.absolute(),
                model_dir=Path(folder) / "model",
                encoder=model,
                encode_pictures=encode_pictures,
                bundles=Path(folder) / "bundles",
            )
        with Bundle.open(Path(folder) / "bundles", report.version) as bundle:
            of_path = {one.path: one.image_id for one in bundle.store.pictures(range(report.count))}
            root = options.flickr8k.absolute()
            ids = [of_path[c.path.relative_to(root).as_posix()] for c in candidates]
            ways = {
                "vision": bundle.make_searcher(words=False),
                "vision_and_words": bundle.make_searcher(meaning=False),
                "vision_words_and_meaning": bundle.searcher,
            }
            figures = {
                name: recall(way, queries[:QUERIES], ids[:QUERIES]) for name, way in ways.items()
            }
    ratio = figures["vision_words_and_meaning"]["r10"] / figures["vision"]["r10"]
    print(json.dumps({**figures, "ratio_r10": round(ratio, 2)}, indent=2))


if __name__ == "__main__":
    main()
