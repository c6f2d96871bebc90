"""Where pictures lie in the plane: worked out in a process of its own, which takes seconds.

    python -m bot.desk.layout VECTORS.npy PLACES.npy

So neither the memory that scikit-learn takes nor its threads weigh on the turns.
"""

from __future__ import annotations

import sys

import numpy as np


def main(vectors_file: str, places_file: str) -> None:
    """Read unit vectors (n, d), write their places (n, 2) in the unit square."""
    from embedding.evaluation.report_map import centred, lay_out

    places, _ = lay_out(centred(np.load(vectors_file)))
    np.save(places_file, places.astype(np.float32))


if __name__ == "__main__":
    main(*sys.argv[1:])
