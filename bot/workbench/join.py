"""What `showtell join` does once its arguments are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bot.settings import load_settings
from bot.workbench.console import name_skipped, progress_bars, say
from embedding.data.pairs import Pairs, load_pairs
from embedding.model.feature_cache import extract_features
from embedding.model.join import join_models
from embedding.pretrained.names import load_model

__all__ = ["run_join"]

_SAMPLE = 1000
"""How many pictures, each with a caption, tell how long and how spread the members' vectors are."""


def run_join(models: Sequence[str], data: str, out_dir: Path, *, dimension: int) -> None:
    """Fold models into one and save it in ``out_dir / "model"``.

    Args:
        models: runs, directories or names.
        data: ``KIND:PATH``; some of its training split is looked at.
        out_dir: where to.
        dimension: of the joint space; 0 means that of all members together.

    Raises:
        ModelError: they cannot be joined.
        DataError: the data cannot be used.
    """
    cache_dir = load_settings().data_dir / "cache"
    members = [load_model(model) for model in models]
    with progress_bars() as progress:
        sample = _sample(load_pairs(data, "train", progress=progress))
        seen = [
            extract_features(member, sample, cache_dir=cache_dir, progress=progress)
            for member in members
        ]
    name_skipped(seen[0].skipped)
    joined = join_models(
        members,
        sample.captions,
        [found.vectors[0] for found in seen],
        name=out_dir.name,
        dimension=dimension,
    )
    joined.save(out_dir / "model", {})
    say(f"{len(members)} models are one in {out_dir / 'model'}, of {joined.dimension} dimensions.")
    say(f"Measure it with `showtell evaluate {out_dir} --data {data} --split dev`.")


def _sample(pairs: Pairs) -> Pairs:
    """Return some of the pictures, each with the first of its captions."""
    chosen = np.random.default_rng(0).permutation(len(pairs.image_ids))[:_SAMPLE]
    some = pairs.subset(np.sort(chosen))
    first = np.unique(some.caption_to_image, return_index=True)[1]
    captions = [some.captions[row] for row in first]
    return replace(some, captions=captions, caption_to_image=some.caption_to_image[first])
