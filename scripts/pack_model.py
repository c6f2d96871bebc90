"""Pack a trained model for the repository, without what registry packages ship already.

    python scripts/pack_model.py RUN_OR_MODEL embedding/pretrained/shipped/photos

Prints what was stored, and how near the unpacked model's vectors are to the original's; fails if
the model is over 50 MB or its vectors differ.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from embedding.errors import EmbeddingError  # noqa: E402
from embedding.model.joint import JointEmbedding  # noqa: E402
from embedding.model.vectors import Vectors  # noqa: E402
from embedding.pretrained.names import load_model  # noqa: E402
from embedding.pretrained.packing import pack_model  # noqa: E402
from embedding.pretrained.shipped import assemble  # noqa: E402
from retrieval.bundle.manifest import REQUESTS  # noqa: E402
from retrieval.errors import RetrievalError  # noqa: E402
from retrieval.search.query_bank import known_bank  # noqa: E402

LIMIT_BYTES = 50_000_000
LEAST_COSINE = 0.9999
TEXTS = (
    "a dog runs along the beach",
    "Two men in red shirts play football in front of a crowd .",
    "sunset",
    "A little girl with a blue hat is eating ice cream on a bench next to her grandmother",
    "snowboarder in mid-air",
)


def main() -> None:
    """Pack, unpack again, and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path, help="a model directory, or a run of `showtell train`")
    parser.add_argument("out", type=Path, help="where the packed model goes; README.md in it stays")
    parser.add_argument("--name", help="default: the name of OUT")
    parser.add_argument(
        "--about",
        default="trained on Flickr8k (research use)",
        help="said when the model is used by default (default: %(default)s)",
    )
    options = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            model = with_requests(options.model, Path(folder) / "model")
            report = pack_model(
                model, options.out, name=options.name or options.out.name, about=options.about
            )
            cosine = least_cosine(options.model, assemble(options.out, Path(folder)))
    except (EmbeddingError, RetrievalError) as error:
        sys.exit(f"pack_model: {error}")
    print(
        f"{options.out}: {report.bytes / 1e6:.1f} MB; {report.own:,} numbers stored, "
        f"{report.packages:,} taken from packages; least cosine to the original {cosine:.6f}"
    )
    if report.bytes > LIMIT_BYTES:
        sys.exit(f"pack_model: over {LIMIT_BYTES / 1e6:.0f} MB; train fewer tensors")
    if cosine < LEAST_COSINE:
        sys.exit(f"pack_model: below {LEAST_COSINE}; the model does not bear whole steps")


def with_requests(run: Path, copy: Path) -> Path:
    """Return a copy of a model whose typical requests are vectors: captions are not ours to give.

    Args:
        run: a model directory, or a run of `showtell train`.
        copy: where to; it must not exist.
    """
    model = load_model(run)
    if model.directory is None:
        raise AssertionError("a model that was loaded has a directory")
    shutil.copytree(model.directory, copy)
    bank = known_bank(copy, model)
    if bank is not None:
        bank.save(copy / REQUESTS)
    return copy


def least_cosine(first: Path, second: Path) -> float:
    """Return the least similarity between two models' vectors of the same texts and pictures."""
    pairs = zip(*(vectors_of(load_model(path)) for path in (first, second)), strict=True)
    return float(min((before * after).sum(axis=1).min() for before, after in pairs))


def vectors_of(model: JointEmbedding) -> tuple[Vectors, Vectors]:
    """Return vectors of some texts and of some pictures, which are noise of several kinds."""
    random = np.random.default_rng(0)
    if not model.reads_images:
        features = random.standard_normal((8, model.image.width), dtype=np.float32)
        return model.encode_text(TEXTS), model.encode_features(features)
    pictures = [
        Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8)).resize((320, 240))
        for side in (2, 4, 8, 16, 64, 240)
    ]
    return model.encode_text(TEXTS), model.encode_images(pictures)


if __name__ == "__main__":
    main()
