"""What a model's cosines mean in one gallery, measured when the gallery is indexed.

One model's pictures lie at right angles to each other where another's all point much the same way;
one model's texts vary among pictures as much as pictures do, another's hardly at all. So no number
in the search is a cosine: each is a share of what was measured here.
"""

from typing import Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from retrieval.store.vectors import Vectors

__all__ = ["Cosines"]

# Pictures look alike when at most this share of the mean distance (1 - cosine) between two pictures
# of the gallery lies between them: with `photos` on Flickr8k, where that mean is 0.985, a cosine
# of 0.98.
_ALIKE = 0.02


class Cosines(BaseModel):
    """The measures.

    Attributes:
        near_duplicate: two pictures with a larger cosine look alike, and one of them is shown.
        picture_weight: what a liked or uploaded picture counts beside a text: how far a text's
            cosines to the gallery vary for each unit by which a picture's do. The weights in
            query.py were chosen with `photos`, where it is 1.00.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    near_duplicate: float = 0.98
    picture_weight: float = Field(default=1.0, gt=0)

    @classmethod
    def measure(cls, pictures: Vectors, texts: Vectors) -> Self:
        """Return the measures of a gallery.

        Args:
            pictures: (n, dimension), some of its pictures.
            texts: (m, dimension), of everyday requests.
        """
        between = pictures @ pictures.T
        others = ~np.eye(len(pictures), dtype=np.bool_)
        if len(pictures) < 3:
            return cls()
        distance = 1 - float(between[others].mean())
        of_pictures = _spread(between[others].reshape(len(pictures), -1))
        of_texts = _spread(texts @ pictures.T)
        if not (of_pictures > 0 and of_texts > 0):  # all pictures are the same
            return cls()
        return cls(
            near_duplicate=1 - _ALIKE * distance,
            picture_weight=of_texts / of_pictures,
        )


def _spread(cosines: npt.NDArray[np.float32]) -> float:
    """Return how far cosines (rows, pictures) vary around the mean of their row, on average."""
    return float(cosines.std(axis=1).mean())
