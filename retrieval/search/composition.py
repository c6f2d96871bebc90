"""What a gallery is made of: the everyday scenes that its pictures show, with their shares.

Captions tell where most of them name a scene. Where they name none, such as those of emoji, their
most frequent words stand in. Without captions looks tell, on a sample.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from retrieval.search.clarify import Group
from retrieval.search.scenes import SCENES
from retrieval.store.protocol import Scope, Store
from retrieval.store.vectors import Ids
from retrieval.store.words import FUNCTION_WORDS, stem

__all__ = ["kinds_by_captions", "kinds_by_looks"]

MOST_KINDS = 8
EXAMPLES = 6
LEAST_SHARE = 0.02
MOST_SHARE = 0.6
"""What nearly every picture shows tells nothing of what kinds there are."""
_SEEN_AT = 1.0
_LOOKED_UP = 64
"""So many of the most frequent words are counted by pictures."""


def kinds_by_captions(store: Store) -> tuple[Group, ...]:
    """Return the scenes that captions name, or else their most frequent words, largest first."""
    scenes = _named(store, {label: tuple(words.split()) for label, words in SCENES.items()})
    if sum(group.share for group in scenes) >= 0.5:
        return scenes
    vocabulary = store.vocabulary()
    words = [word for word in vocabulary if word.isalpha() and word not in FUNCTION_WORDS]
    words.sort(key=lambda word: (-vocabulary[word], word))
    one_each = {stem(word): word for word in reversed(words[:_LOOKED_UP])}
    return _named(store, {word: (word,) for word in one_each.values()})


def kinds_by_looks(store: Store, rows: Ids, shows: npt.NDArray[np.float32]) -> tuple[Group, ...]:
    """Return the scenes that a sample of pictures shows, largest first.

    Args:
        store: the gallery.
        rows: (n,) of the sample.
        shows: (n, scenes) how much more than usual each shows each of `SCENES`, in standard
            deviations. Each picture counts for the scene that it shows most of.
    """
    most = shows.argmax(axis=1)
    clear = shows.max(axis=1) >= _SEEN_AT
    groups = []
    for column, label in enumerate(SCENES):
        members = np.flatnonzero((most == column) & clear)
        best = members[np.argsort(-shows[members, column], kind="stable")][:EXAMPLES]
        groups.append(Group(label, _ids(store, rows[best]), len(members) / len(rows)))
    return _largest(groups)


def _named(store: Store, kinds: Mapping[str, tuple[str, ...]]) -> tuple[Group, ...]:
    """Return those kinds of which a caption holds a word."""
    groups = []
    for label, words in kinds.items():
        share = (len(store) - store.count(Scope(without=words))) / max(store.captioned, 1)
        if LEAST_SHARE <= share <= MOST_SHARE:
            rows = store.search_words(words, EXAMPLES).rows
            groups.append(Group(label, _ids(store, rows), share))
    return _largest(groups)


def _ids(store: Store, rows: Ids) -> tuple[str, ...]:
    return tuple(picture.image_id for picture in store.pictures(rows))


def _largest(groups: Sequence[Group]) -> tuple[Group, ...]:
    usual = [group for group in groups if LEAST_SHARE <= group.share <= MOST_SHARE]
    return tuple(sorted(usual, key=lambda group: -group.share)[:MOST_KINDS])
