"""Everyday scenes: what they are called, by which words captions name them, how they look.

How a scene looks is a direction in the space of the model's vectors. It is measured once, when a
gallery is indexed, and kept beside it, so that no question costs an encoding.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Self

import numpy as np

from retrieval.errors import RetrievalError
from retrieval.store.arrays import load_arrays, save_arrays
from retrieval.store.vectors import Vectors
from retrieval.store.words import stems

__all__ = ["KINDS", "SCENES", "SCENE_STEMS", "Scenes"]

# Each label reads well on a button and refines a search; the words tell it in captions.
_WHERE = {
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
}
_WHO = {
    "a dog": "dog puppy",
    "children": "child boy girl kid baby toddler",
    "a man": "man guy gentleman",
    "a woman": "woman lady",
    "a group of people": "group crowd people",
    "animals": "animal cat horse bird fish cow",
}
_WHAT = {
    "playing sports": "ball football soccer basketball baseball tennis player team game",
    "riding a bike": "bike bicycle bicyclist cyclist bmx motorcycle motorbike",
    "food": "food meal fruit cake drink",
    "cars": "car truck bus vehicle",
    "buildings": "building house tower church",
}
KINDS: tuple[dict[str, str], ...] = (_WHERE, _WHO, _WHAT)
SCENES: dict[str, str] = {label: words for kind in KINDS for label, words in kind.items()}
SCENE_STEMS = {label: set(stems(words)) for label, words in SCENES.items()}


class Scenes:
    """How the scenes look to one model.

    Attributes:
        directions: (scenes, dimension) of unit vectors, in the order of `SCENES`.
    """

    def __init__(self, directions: Vectors) -> None:
        self.directions = directions

    @classmethod
    def measure(cls, direction: Callable[[str], Vectors]) -> Self:
        """Return the scenes, given a label's direction (dimension,)."""
        return cls(np.stack([direction(label) for label in SCENES]))

    def save(self, directory: Path) -> None:
        """Write them into a directory."""
        save_arrays(directory, labels=np.array(list(SCENES)), directions=self.directions)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            RetrievalError: a file is damaged, or they are other scenes.
        """
        labels, directions = load_arrays(directory, "labels", "directions")
        if labels.tolist() != list(SCENES) or len(directions) != len(SCENES):
            raise RetrievalError("its scenes are not those of this version; index again")
        return cls(np.asarray(directions, np.float32))
