"""Groups among the best candidates, for a question such as "indoors or on a beach?".

Each candidate is held against a fixed list of everyday scenes: by its captions where it has some,
else by its looks. Two or three scenes that are named or seen in a good share of the candidates
each, seldom together, and between them in most, are a clear split. One that is rare, or that
nearly all candidates share, makes no question.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from retrieval.words import singular, tokens

__all__ = ["CANDIDATES", "SCENES", "Group", "split"]

CANDIDATES = 60
"""So many of the best pictures are looked at."""

# Each label reads well on a button and refines a search; the words tell it in captions.
SCENES: dict[str, str] = {
    "on a beach": "beach sand shore",
    "in the water": "water pool lake river ocean sea swimming",
    "in the snow": "snow snowy ski skiing snowboard snowboarding ice",
    "on grass": "grass grassy lawn field",
    "on a street": "street road sidewalk city traffic",
    "indoors": "indoors room kitchen couch bed bedroom restaurant table",
    "in the mountains": "mountain cliff rock climbing climber",
    "in a forest": "forest wood tree trail",
    "at a playground": "playground swing slide trampoline",
    "on a stage": "stage microphone band concert",
    "playing sports": "ball football soccer basketball baseball tennis player team game",
    "riding a bike": "bike bicycle bicyclist cyclist bmx motorcycle motorbike",
    "a dog": "dog puppy",
    "children": "child boy girl kid baby toddler",
    "a man": "man guy gentleman",
    "a woman": "woman lady",
    "a group of people": "group crowd people",
    "food": "food meal fruit cake drink",
    "animals": "animal cat horse bird fish cow",
    "cars": "car truck bus vehicle",
    "buildings": "building house tower church",
}
_WORDS = {label: {singular(word) for word in words.split()} for label, words in SCENES.items()}

# A group has at least this share of the candidates; all but so much of the smaller one of two
# groups is its own; together they hold so many. Set by hand; `answers` in benchmarks/conversation
# says how often they ask.
LEAST_SHARE = 0.2
MOST_SHARED = 0.2
LEAST_COVERAGE = 0.7
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


def split(
    rows: Sequence[int],
    captions: Sequence[Sequence[str]],
    relative: Callable[[Sequence[int], Sequence[str]], npt.NDArray[np.float32]],
    asked: str,
) -> list[tuple[str, list[int]]]:
    """Return the label and the members (places in `rows`) of each group, largest first.

    Args:
        rows: the candidates, best first.
        captions: of each candidate; one without any is judged by its looks.
        relative: (rows, phrases) -> how much more than usual each shows each, in standard
            deviations.
        asked: what was asked for already; scenes that it names make no question.

    Returns:
        2 or 3 groups, or none where there is no clear split.
    """
    known = {singular(word) for word in tokens(asked)}
    labels = [label for label, words in _WORDS.items() if not words & known]
    if len(rows) < CANDIDATES // 2 or not labels:
        return []
    holds = relative(rows, labels) >= _SEEN_AT
    for i, texts in enumerate(captions):
        if texts:
            said = {singular(word) for text in texts for word in tokens(text)}
            holds[i] = [bool(_WORDS[label] & said) for label in labels]
    chosen = _clearest(holds)
    members = [(labels[column], np.flatnonzero(holds[:, column]).tolist()) for column in chosen]
    return sorted(members, key=lambda group: -len(group[1]))


def _clearest(holds: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the 2 or 3 columns of (candidates, labels) that split best; () where none do."""
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
    return best[1] if best[0] >= LEAST_COVERAGE else ()
