"""Image features that somebody computed before, with their captions."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding.data.captions import Skipped, decode_text, lines_of
from embedding.errors import DataError

__all__ = ["read_features"]

# Networks give numbers of a few hundred at most. Far larger ones are a file gone wrong, and their
# squares overflow in training, which then learns nothing and does not say so.
_LARGEST_FEATURE = 1e6


def read_features(
    path: Path,
) -> tuple[list[str], list[str], NDArray[np.int64], NDArray[np.float32], list[Skipped]]:
    """Read precomputed image features: features.npy (n, d) and captions.txt.

    captions.txt has either ``id<TAB>caption`` lines, whose ids come in the order of the rows, or
    plain captions, the same number for each row, one image after the other. Equal neighbouring
    rows (a features file that repeats each image for each of its captions) are one image.

    Returns:
        ids, captions, (n_captions,) image indices, (n_images, d) features, what was left out.

    Raises:
        DataError: a file is missing, or the two do not fit.
    """
    try:
        loaded = np.load(path / "features.npy", allow_pickle=False)
        lines = lines_of(decode_text((path / "captions.txt").read_bytes())[0])
    except (OSError, ValueError) as error:
        raise DataError(f"{path} must hold features.npy and captions.txt: {error}") from error
    if loaded.ndim != 2 or not np.issubdtype(loaded.dtype, np.number) or not len(loaded):
        raise DataError(f"features.npy has shape {loaded.shape}; expected (images, numbers)")
    # A comparison with what is no number is False too.
    unusable = ~(np.abs(loaded) <= _LARGEST_FEATURE).all(axis=1)
    if unusable.any():
        row = int(np.flatnonzero(unusable)[0])
        worst = loaded[row][~(np.abs(loaded[row]) <= _LARGEST_FEATURE)][0]
        raise DataError(
            f"features.npy has the value {worst} in row {row}, {int(unusable.sum())} such rows in "
            f"all; features are numbers up to {_LARGEST_FEATURE:,.0f}, so compute them anew"
        )
    features = loaded.astype(np.float32)
    lines = [line for line in lines if line.strip()]
    if lines and all("\t" in line for line in lines):
        named = [line.split("\t", 1) for line in lines]
        ids = list(dict.fromkeys(name.rsplit("#", 1)[0].strip() for name, _ in named))
        if len(ids) != len(features):
            raise DataError(
                f"captions.txt names {len(ids)} images, features.npy has {len(features)} rows; "
                "they must be equal and in the same order"
            )
        place = {name: i for i, name in enumerate(ids)}
        told = [(n.rsplit("#", 1)[0].strip(), " ".join(caption.split())) for n, caption in named]
        owners = [place[name] for name, caption in told if caption]
        captions = [caption for _, caption in told if caption]
        skipped = [
            Skipped(name, "it has an empty caption") for name, caption in told if not caption
        ]
        return ids, captions, np.array(owners, dtype=np.int64), features, skipped
    if not lines or len(lines) % len(features):
        raise DataError(
            f"captions.txt has {len(lines)} lines for {len(features)} rows of features.npy; "
            "plain captions must be the same number for each row"
        )
    starts = np.r_[True, (features[1:] != features[:-1]).any(axis=1)]
    row_of_line = np.repeat(np.arange(len(features)), len(lines) // len(features))
    owners_of_row = np.cumsum(starts) - 1
    kept = features[starts]
    ids = [f"{i:06d}" for i in range(len(kept))]
    captions = [line.strip() for line in lines]
    return ids, captions, owners_of_row[row_of_line].astype(np.int64), kept, []
