"""How often a search says that nothing fits: where nothing does, and where something does.

    showtell index ../shared/flickr8k/dev --bundles BUNDLES --captions Flickr8k.token.txt
    python benchmarks/honesty.py BUNDLES [--half held_out]

The gallery is Flickr8k's dev pictures with their captions; the requests are in honesty.yml. Prints
JSON: the share of requests for absent things that are refused (goal: 80 %) and of those for what
is there (at most 3 %), with captions and by vision alone; those that went wrong; and how often a
refusal names a word that the request is about.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from retrieval.bundle.bundle import Bundle
from retrieval.search.query import Query, SearchResult
from retrieval.search.searcher import Searcher
from retrieval.store.protocol import Store
from retrieval.store.words import stem, tokens

LISTS = Path(__file__).with_suffix(".yml")


def main() -> None:
    """Check the lists against the captions, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path)
    parser.add_argument("--half", choices=("development", "held_out"), default="development")
    options = parser.parse_args()
    lists = yaml.safe_load(LISTS.read_text(encoding="utf-8"))[options.half]
    present = dict(line.split(" | ") for line in lists["present"])
    with Bundle.open(options.bundles, verify=False) as bundle:
        unproved = [text for text, proof in present.items() if not proves(bundle.store, proof)]
        ways = {
            "captions": bundle.searcher,
            "vision_alone": bundle.make_searcher(words=False, meaning=False),
        }
        figures = {name: measure(way, lists["absent"], list(present)) for name, way in ways.items()}
    print(json.dumps({"half": options.half, "unproved": unproved, **figures}, indent=2))


def proves(store: Store, proof: str) -> bool:
    """Return whether the captions of one picture hold all the words."""
    words = tokens(proof)
    rows = store.search_words(words, len(store)).rows
    wanted = {stem(word) for word in words}
    for picture in store.pictures(rows):
        if wanted <= {stem(word) for text in picture.captions for word in tokens(text)}:
            return True
    return False


def measure(searcher: Searcher, absent: list[str], present: list[str]) -> dict[str, Any]:
    """Return the shares that are refused, in percent, and the requests that went wrong."""

    def ask(texts: list[str]) -> dict[str, SearchResult]:
        return {text: searcher.search(Query(texts=(text,))) for text in texts}

    answers, fitting = ask(absent), ask(present)
    refused = {text: one.unknown for text, one in answers.items() if not one.confident}
    wrongly = {text: one.unknown for text, one in fitting.items() if not one.confident}
    named = [bool(words) for words in refused.values()]
    return {
        "absent": len(absent),
        "present": len(present),
        "absent_refused": round(100 * len(refused) / len(absent), 1),
        "present_refused": round(100 * len(wrongly) / len(present), 1),
        "refusals_that_name_a_word": round(100 * sum(named) / max(len(named), 1), 1),
        "absent_not_refused": sorted({*absent} - {*refused}),
        "present_that_were_refused": {text: list(words) for text, words in wrongly.items()},
    }


if __name__ == "__main__":
    main()
