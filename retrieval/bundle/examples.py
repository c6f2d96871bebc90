"""Examples of what to ask a gallery for: taken from what it holds, tried before they are shown."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from embedding.model.encoder import Encoder
from retrieval.search.query import Query
from retrieval.search.scenes import SCENES
from retrieval.search.searcher import Searcher
from retrieval.store.vectors import Vectors
from retrieval.store.words import content_words, stems, tokens

__all__ = ["choose_examples"]

EXAMPLES = 3
_LOOKED_AT = 6
"""Pictures of an answer that must fit: those that are seen first."""
_TRIED = 40
_ENOUGH = 20
"""Phrases that are searched for, and good ones among them to choose from; each costs a search."""
_FEWEST = 3
"""Pictures with a phrase in their captions, or nobody would ask for it."""


def choose_examples(
    searcher: Searcher, encoder: Encoder, captions: Sequence[Sequence[str]], *, by_captions: bool
) -> list[str]:
    """Return up to 3 things to ask for, far from one another, that this gallery answers well.

    Args:
        searcher: of the gallery.
        encoder: of its model.
        captions: of each picture.
        by_captions: whether they say what the pictures show; everyday scenes stand in for captions
            that do not.
    """
    if by_captions:
        usual = islice(_usual_phrases(captions).items(), _TRIED)
        tried = (text for text, count in usual if _is_answered(searcher, text, count))
    else:
        tried = (label for label in SCENES if _is_answered(searcher, label, 0))
    good = list(islice(tried, _ENOUGH))
    return _far_apart(good, encoder.encode_text(good)) if good else []


def _usual_phrases(captions: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return what is said of several pictures, and of how many: pairs of words, then words alone.

    What is said of a tenth of the gallery tells too little.
    """
    pairs: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for own in captions:
        pairs.update({phrase for caption in own for phrase in _pairs(caption)})
        words.update({word for caption in own for word in content_words(caption)})
    most = max(_FEWEST, len(captions) // 10)
    both = [*pairs.most_common(), *words.most_common()]
    return {phrase: count for phrase, count in both if _FEWEST <= count <= most}


def _pairs(caption: str) -> Iterator[str]:
    """Yield the pairs that look like a thing with its kind: "a tennis ball", not "a ball rolls"."""
    words = ["", *tokens(caption), ""]
    telling = set(content_words(caption))
    for before, first, second, after in zip(words, words[1:], words[2:], words[3:], strict=False):
        is_whole = first != second and {first, second} <= telling and not {before, after} & telling
        is_verb = second.endswith("ing") or (before in ("a", "an") and _ends_as_verb(second))
        if is_whole and not is_verb and f"{first}{second}".isalpha():
            yield f"{first} {second}"


def _ends_as_verb(word: str) -> bool:
    return word.endswith("s") and not word.endswith("ss")


def _is_answered(searcher: Searcher, text: str, count: int) -> bool:
    """Try an example: the answer is sure, and each of its pictures fits, or all that do are there.

    Args:
        searcher: of the gallery.
        text: what is asked for.
        count: of how many pictures it is said; 0 where captions do not tell.
    """
    result = searcher.search(Query(texts=(text,)), _LOOKED_AT)
    asked = set(stems(text))
    fitting = [
        hit for hit in result.hits if any(asked <= set(stems(c)) for c in hit.picture.captions)
    ]
    return result.confident is True and len(fitting) >= min(count, _LOOKED_AT)


def _far_apart(texts: Sequence[str], vectors: Vectors) -> list[str]:
    """Return the first text, then each time the one that is least like those chosen."""
    chosen = [0]
    likeness = vectors @ vectors[0]
    while len(chosen) < min(EXAMPLES, len(texts)):
        chosen.append(int(np.argmin(likeness)))
        likeness = np.maximum(likeness, vectors @ vectors[chosen[-1]])
    return [texts[at] for at in chosen]
