"""Groups among the best candidates, for a question such as "indoors or on a beach?".

Each candidate is held against fixed lists of everyday scenes, each of one kind (where, who, what):
by its captions where they name one of that kind, else by its looks. Two or three scenes of one kind
that are named or seen in a good share of the candidates each, seldom together, and between them in
most, are a clear split. One that is rare, or that nearly all candidates share, makes no question;
nor does a kind of which the request names a scene already ("a dog": dogs with children?).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from retrieval.search.captions import stems_in
from retrieval.search.scenes import KINDS, SCENE_STEMS, SCENES
from retrieval.store.words import content_words, stems

__all__ = ["CANDIDATES", "Group", "may_ask", "split"]

CANDIDATES = 60
"""So many of the best pictures are looked at."""

# A group has at least this share of the candidates; all but so much of the smaller one of two
# groups is its own; together they hold so many. Set by hand, so that few turns ask: `bench-talks`
# counts them. A caption tells the place of two photographs in three, so that little more than half
# is as much as can be asked for.
LEAST_SHARE = 0.2
MOST_SHARED = 0.2
LEAST_COVERAGE = 0.6
MOST_WORDS = 3
"""Whoever says more content words than this knows what they want, and is not asked."""

# A picture shows a scene when it does so by this many standard deviations more than usual.
_SEEN_AT = 1.0


@dataclass(frozen=True)
class Group:
    """Candidates that have something in common which the others lack.

    Attributes:
        label: what it is: a quick reply's title, and a text to refine the query with.
        image_ids: its pictures among the candidates, best first.
        share: of the candidates, above 0 to 1.
    """

    label: str
    image_ids: tuple[str, ...]
    share: float


def may_ask(asked: str) -> bool:
    """Return whether somebody who asked for this can be asked what they mean."""
    return len(content_words(asked)) <= MOST_WORDS


def split(
    captions: Sequence[Sequence[str]], shows: npt.NDArray[np.float32], asked: str
) -> list[tuple[str, list[int]]]:
    """Return the label and the members (places among the candidates) of each group, largest first.

    Args:
        captions: of each candidate, best first; one whose captions name no scene is judged by its
            looks.
        shows: (candidates, scenes) how much more than usual each shows each of `SCENES`, in
            standard deviations.
        asked: what was asked for already; scenes that it names make no question.

    Returns:
        2 or 3 groups, or none where there is no clear split.
    """
    if len(captions) < CANDIDATES // 2 or not may_ask(asked):
        return []
    column = {label: i for i, label in enumerate(SCENES)}
    known = set(stems(asked))
    named_by = [_named(tuple(texts)) for texts in captions]
    found: list[tuple[float, list[tuple[str, list[int]]]]] = []
    for labels in map(list, KINDS):
        if any(known & SCENE_STEMS[label] for label in labels):
            continue
        named = np.array([[label in own for label in labels] for own in named_by])
        seen = shows[:, [column[label] for label in labels]] >= _SEEN_AT
        holds = np.where(named.any(axis=1, keepdims=True), named, seen)
        coverage, chosen = _clearest(holds)
        members = [(labels[c], np.flatnonzero(holds[:, c]).tolist()) for c in chosen]
        found.append((coverage, sorted(members, key=lambda group: -len(group[1]))))
    return max(found, key=lambda pair: pair[0], default=(0.0, []))[1]


@functools.lru_cache(maxsize=8_192)
def _named(captions: tuple[str, ...]) -> frozenset[str]:
    """Return the labels of the scenes that a picture's captions name."""
    said = stems_in(captions)
    return frozenset(label for label, words in SCENE_STEMS.items() if words & said)


def _clearest(holds: npt.NDArray[np.bool_]) -> tuple[float, tuple[int, ...]]:
    """Return the 2 or 3 columns of (candidates, labels) that split best, and the share they hold.

    It is (0, ()) where none do.
    """
    share = holds.mean(axis=0)
    usable = [c for c in range(holds.shape[1]) if LEAST_SHARE <= share[c] <= 1 - LEAST_SHARE]
    apart = {
        (a, b)
        for a, b in combinations(usable, 2)
        if (holds[:, a] & holds[:, b]).mean() <= MOST_SHARED * min(share[a], share[b])
    }
    triples = [
        (a, b, c)
        for (a, b), c in ((pair, c) for pair in sorted(apart) for c in usable)
        if (a, c) in apart and (b, c) in apart
    ]
    found = [
        (float(holds[:, list(columns)].any(axis=1).mean()), columns)
        for columns in (*sorted(apart), *triples)
    ]
    best = max(found, key=lambda pair: pair[0], default=(0.0, ()))
    return best if best[0] >= LEAST_COVERAGE else (0.0, ())
