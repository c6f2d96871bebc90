"""Whether a model sees the one word by which two captions differ: a colour, a number, a thing.

    python benchmarks/one_word.py photos-light photos --data flickr8k:../shared/flickr8k

In each caption of the dev split one word of a class is exchanged for another of its class, which no
caption of that picture has ("a black dog", "a red dog"). Prints for each model how often, in
percent, the picture lies nearer to the right caption; chance is 50.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from embedding.data.pairs import Pairs, load_pairs
from embedding.model.encoder import JointEncoder
from embedding.model.feature_cache import extract_features
from embedding.onnx.encoder import all_cores, load_encoder
from embedding.pretrained.names import find_exported

CLASSES: dict[str, tuple[tuple[str, ...], ...]] = {
    "colour": (("black", "white", "red", "blue", "green", "yellow", "brown", "pink", "purple"),),
    "count": (("one", "two", "three", "four", "five", "six"),),
    "animal": (
        ("dog", "cat", "horse", "bird", "cow", "sheep", "monkey"),
        ("dogs", "cats", "horses", "birds", "cows", "monkeys"),
    ),
    "person": (("man", "woman", "boy", "girl", "baby"), ("men", "women", "boys", "girls")),
    "place": (("beach", "street", "forest", "field", "mountain", "pool", "kitchen", "stage"),),
    "action": (
        ("running", "sitting", "standing", "swimming", "climbing", "sleeping", "dancing"),
        ("runs", "sits", "stands", "swims", "climbs", "sleeps", "dances"),
    ),
}
"""Words that take each other's place; those of a row fit the same sentences."""


class Exchange(NamedTuple):
    """A caption, and the same with one word exchanged.

    Attributes:
        kind: the class of the word.
        image: the position of its picture.
        right: the caption.
        wrong: the other.
    """

    kind: str
    image: int
    right: str
    wrong: str


def exchanges(pairs: Pairs, seed: int = 0) -> Iterator[Exchange]:
    """Yield one exchange for each caption and class, as far as the caption has such a word once."""
    random = np.random.default_rng(seed)
    captions = pairs.captions_by_image()
    for caption, image in zip(pairs.captions, pairs.caption_to_image, strict=True):
        words = re.findall(r"[a-z]+", caption.lower())
        said_of_picture = set(re.findall(r"[a-z]+", " ".join(captions[image]).lower()))
        for kind, rows in CLASSES.items():
            row, word = next(((r, w) for w in words for r in rows if w in r), ((), ""))
            others = [other for other in row if other not in said_of_picture]
            if others and words.count(word) == 1:
                other = str(random.choice(others))
                wrong = re.sub(rf"\b{word}\b", other, caption, flags=re.IGNORECASE)
                yield Exchange(kind, int(image), caption, wrong)


def judge(
    model: JointEncoder, pairs: Pairs, exchanged: Sequence[Exchange], cache_dir: Path | None
) -> np.ndarray:
    """Return (n,) whether each picture lies nearer to the right caption."""
    pictures = extract_features(model, pairs, cache_dir=cache_dir).vectors[0]
    images = model.encode_features(pictures)[[one.image for one in exchanged]]
    right, wrong = (
        (model.encode_text([getattr(one, side) for one in exchanged]) * images).sum(axis=1)
        for side in ("right", "wrong")
    )
    return np.asarray(right > wrong)


def main() -> None:
    """Exchange, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="by name or directory")
    parser.add_argument("--data", default="flickr8k:../shared/flickr8k")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--cache", type=Path, help="where image features are kept")
    options = parser.parse_args()
    pairs = load_pairs(options.data, options.split)
    exchanged = list(exchanges(pairs))
    kinds = np.array([one.kind for one in exchanged])
    nearer = {
        name: judge(
            load_encoder(find_exported(name), threads=all_cores()),
            pairs,
            exchanged,
            options.cache,
        )
        for name in options.models
    }
    table = {
        kind: {"captions": int(of_kind.sum())}
        | {name: round(100 * float(right[of_kind].mean()), 1) for name, right in nearer.items()}
        for kind, of_kind in [(k, kinds == k) for k in CLASSES] + [("all", kinds != "")]
        if of_kind.any()
    }
    print(f"{'':<10}{'captions':>10}" + "".join(f"{name:>16}" for name in nearer))
    for kind, row in table.items():
        print(f"{kind:<10}{row['captions']:>10}" + "".join(f"{row[name]:>16}" for name in nearer))


if __name__ == "__main__":
    main()
